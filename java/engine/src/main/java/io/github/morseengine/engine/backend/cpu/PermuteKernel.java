package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.ffi.openmp.Team;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Copies four-byte elements from one order of dimensions into another, block by block: a block is
 * read as a whole, permuted on the heap by a table, and written as a whole. Blocks are the
 * innermost dimensions of the target as far as they are dense there and near each other in the
 * source.
 */
final class PermuteKernel implements Step.Bound {

  private static final ValueLayout.OfInt I = ValueLayout.JAVA_INT;
  private static final int LEAST = 64;
  private static final int MOST = 16384;

  /** How much more than a block may be read for it. */
  private static final int SPREAD = 4;

  private final Team team;
  private final MemorySegment source;
  private final MemorySegment target;

  /** Size, then the steps of source and target in elements; outermost first. */
  private final long[][] plan;

  /** Dimensions outside of the block. */
  private final int outer;

  private final long blocks;
  private final int[] table;
  private final int[][] read;
  private final int[][] permuted;

  private PermuteKernel(
      Team team, MemorySegment source, MemorySegment target, long[][] plan, int outer, int span) {
    this.team = team;
    this.source = source;
    this.target = target;
    this.plan = plan;
    this.outer = outer;
    this.table = table(plan, outer);
    long count = 1;
    for (int d = 0; d < outer; d++) {
      count *= plan[d][0];
    }
    this.blocks = count;
    this.read = new int[team.threads()][span];
    this.permuted = new int[team.threads()][table.length];
  }

  /** A kernel for a plan of {@link Copy}; null where there is no block worth it. */
  static PermuteKernel of(Team team, MemorySegment source, MemorySegment target, long[][] plan) {
    long block = 1;
    long span = 1;
    int outer = plan.length;
    for (int d = plan.length - 1; d >= 0; d--) {
      long wider = span + (plan[d][0] - 1) * plan[d][1];
      if (plan[d][2] != block || plan[d][1] < 0 || block * plan[d][0] > MOST) {
        break;
      }
      block *= plan[d][0];
      span = wider;
      // A dimension outside may fill the gaps of those inside, so the spread is judged at each.
      if (span <= SPREAD * block) {
        outer = d;
      }
    }
    long elements = 1;
    long reach = 1;
    for (int d = outer; d < plan.length; d++) {
      elements *= plan[d][0];
      reach += (plan[d][0] - 1) * plan[d][1];
    }
    return elements < LEAST
        ? null
        : new PermuteKernel(team, source, target, plan, outer, (int) reach);
  }

  private static int[] table(long[][] plan, int outer) {
    int[] out = {0};
    for (int d = outer; d < plan.length; d++) {
      int size = (int) plan[d][0];
      int[] next = new int[out.length * size];
      for (int i = 0; i < next.length; i++) {
        next[i] = out[i / size] + (int) (i % size * plan[d][1]);
      }
      out = next;
    }
    return out;
  }

  @Override
  public void run() {
    if (blocks == 1) {
      part(0, 1);
    } else {
      team.parallel(this::part);
    }
  }

  private void part(int thread, int threads) {
    int[] from = read[thread];
    int[] to = permuted[thread];
    for (long i = blocks * thread / threads; i < blocks * (thread + 1) / threads; i++) {
      long s = 0;
      long t = 0;
      long rest = i;
      for (int d = outer - 1; d >= 0; d--) {
        long index = rest % plan[d][0];
        rest /= plan[d][0];
        s += index * plan[d][1];
        t += index * plan[d][2];
      }
      MemorySegment.copy(source, I, 4 * s, from, 0, from.length);
      permute(from, table, to);
      MemorySegment.copy(to, 0, target, I, 4 * t, to.length);
    }
  }

  private static void permute(int[] from, int[] table, int[] to) {
    for (int i = 0; i < to.length; i++) {
      to[i] = from[table[i]];
    }
  }
}
