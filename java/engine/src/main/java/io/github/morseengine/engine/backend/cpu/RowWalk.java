package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.backend.plan.Dims;
import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.ffi.openmp.Team;
import java.util.Arrays;

/**
 * The rows of strided views of one shape, 0 where an operand is repeated. Dimensions are visited in
 * the order of the target and merged where all views allow; the outermost is split among the
 * threads. For one run at a time.
 */
final class RowWalk {

  private static final long PARALLEL_FROM = 8192;

  /** What is done with a row. */
  interface Row {

    /**
     * Does it.
     *
     * @param thread index of the thread
     * @param n elements
     * @param at where the row begins in the target and in each operand, in bytes
     */
    void run(int thread, int n, long[] at);
  }

  private final Team team;
  private final boolean parallel;

  /** Size, then the steps of target and operands in bytes; outermost first. */
  private final long[][] plan;

  /** Of each thread and dimension, where its rows begin. */
  private final long[][][] places;

  private final int longest;
  private final int period;

  /**
   * Plans a walk.
   *
   * @param longest elements of a row that are given at a time
   * @param periods whether rows may be joined for which the last operand has the same: see {@link
   *     #period()}
   * @param target the result
   * @param operands views of the target's shape (repeated dimensions expanded)
   */
  RowWalk(Team team, int longest, boolean periods, View target, View... operands) {
    this.team = team;
    this.parallel = target.elements() >= PARALLEL_FROM;
    long[][] dims = plan(target, operands);
    this.period = periods ? period(dims, longest) : 0;
    this.plan = period == 0 ? dims : joined(dims);
    this.longest = period == 0 ? longest : longest / period * period;
    this.places = new long[team.threads()][plan.length + 1][operands.length + 1];
  }

  private static long[][] plan(View target, View[] operands) {
    long[][] dims = Dims.merged(target, operands).toArray(new long[0][]);
    for (long[] dim : dims) {
      dim[1] *= target.dtype().bytes();
      for (int k = 0; k < operands.length; k++) {
        dim[k + 2] *= operands[k].dtype().bytes();
      }
    }
    return dims;
  }

  /**
   * The length of rows that lie one behind the other in all views but the last operand, which has
   * one row for all of them; 0 where there are none, or they are long enough to be taken one by
   * one.
   */
  private static int period(long[][] dims, int longest) {
    if (dims.length < 2) {
      return 0;
    }
    long[] outer = dims[dims.length - 2];
    long[] row = dims[dims.length - 1];
    int last = row.length - 1;
    boolean repeats = outer[last] == 0 && row[last] != 0;
    for (int k = 1; k < last; k++) {
      repeats &= outer[k] == row[0] * row[k];
    }
    return repeats && row[0] <= longest / 2 ? (int) row[0] : 0;
  }

  /** With such rows as one. */
  private static long[][] joined(long[][] dims) {
    long[][] out = Arrays.copyOf(dims, dims.length - 1);
    long[] row = dims[dims.length - 1].clone();
    row[0] *= out[out.length - 1][0];
    out[out.length - 1] = row;
    return out;
  }

  /**
   * {@return how many elements of the last operand belong to a row again and again; 0 where each
   * has its own}
   */
  int period() {
    return period;
  }

  /** Elements of the longest row that is given. */
  int width() {
    return (int) Math.min(longest, plan[plan.length - 1][0]);
  }

  /** {@return the distance within a row in bytes: of the target (0) or an operand (1, 2, ..)} */
  long step(int view) {
    return plan[plan.length - 1][view + 1];
  }

  /** Visits all rows. */
  void run(Row row) {
    // Whole periods, should the last dimension be the only one.
    long unit = plan.length == 1 && period > 0 ? period : 1;
    long all = plan[0][0] / unit;
    if (parallel) {
      team.parallel((t, n) -> walk(row, t, 0, all * t / n * unit, all * (t + 1) / n * unit));
    } else {
      walk(row, 0, 0, 0, plan[0][0]);
    }
  }

  private void walk(Row row, int thread, int d, long from, long to) {
    long[] dim = plan[d];
    long[] base = places[thread][d];
    long[] at = places[thread][d + 1];
    if (d == plan.length - 1) {
      for (long i = from; i < to; i += longest) {
        move(base, dim, i, at);
        if (period > 0) {
          at[at.length - 1] = base[at.length - 1];
        }
        row.run(thread, (int) Math.min(longest, to - i), at);
      }
      return;
    }
    for (long i = from; i < to; i++) {
      move(base, dim, i, at);
      walk(row, thread, d + 1, 0, plan[d + 1][0]);
    }
  }

  private static void move(long[] base, long[] dim, long index, long[] at) {
    for (int k = 0; k < at.length; k++) {
      at[k] = base[k] + index * dim[k + 1];
    }
  }
}
