package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.backend.plan.Dims;
import io.github.morseengine.engine.backend.plan.View;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * Copies one strided view into another of the same shape and type. Dimensions are visited in the
 * order of the target, merged where both sides allow, rows that are contiguous on both sides moved
 * as a whole; the outermost dimension is split among the threads.
 */
final class Copy {

  /** Elements from which on a row is worth a call that copies it. */
  private static final int LONG = 16;

  private Copy() {}

  static Step step(View from, View to) {
    return new JavaStep("strided copy", List.of(from, to), b -> bind(b, from, to));
  }

  /**
   * The dimensions of a copy, outermost of the target first: sizes, strides of the source, strides
   * of the target, in elements; those that both sides hold one after another are one.
   */
  static long[][] dims(View from, View to) {
    List<long[]> dims = merged(from, to);
    long[][] out = new long[3][dims.size()];
    for (int d = 0; d < dims.size(); d++) {
      for (int k = 0; k < 3; k++) {
        out[k][d] = dims.get(d)[k];
      }
    }
    return out;
  }

  private static List<long[]> merged(View from, View to) {
    return Dims.merged(to, from).stream().map(d -> new long[] {d[0], d[2], d[1]}).toList();
  }

  private static Step.Bound bind(Binding b, View from, View to) {
    List<long[]> dims = merged(from, to);
    int bytes = to.dtype().bytes();
    long lowest = 0;
    for (int d = 0; d < from.rank(); d++) {
      lowest += Math.min(0, (from.shape()[d] - 1) * from.strides()[d]);
    }
    // A view with negative steps starts behind its lowest element.
    View whole =
        new View(from.slot(), from.offset() + lowest, from.dtype(), from.shape(), from.strides());
    MemorySegment source = b.of(whole);
    long start = -lowest * bytes;
    MemorySegment target = b.of(to);
    long[][] plan = dims.toArray(new long[0][]);
    if (to.elements() == 0) {
      return () -> {};
    }
    boolean rows = plan[plan.length - 1][1] == 1 && plan[plan.length - 1][2] == 1;
    long work = to.elements() * bytes;
    int parts = (int) Math.min(b.team().threads(), Math.max(1, Math.min(work / 16384, plan[0][0])));
    if (plan.length == 1 && rows) {
      return () -> MemorySegment.copy(source, start, target, 0, work);
    }
    boolean longRows = rows && plan[plan.length - 1][0] >= LONG;
    if (bytes == 4 && !longRows && lowest == 0) {
      PermuteKernel permute = PermuteKernel.of(b.team(), source, target, plan);
      if (permute != null) {
        return permute;
      }
    }
    if (parts == 1) {
      return () -> part(source, start, target, plan, 0, plan[0][0], bytes, rows);
    }
    return () ->
        b.team()
            .parallel(
                (t, n) ->
                    part(
                        source,
                        start,
                        target,
                        plan,
                        plan[0][0] * t / n,
                        plan[0][0] * (t + 1) / n,
                        bytes,
                        rows));
  }

  private static void part(
      MemorySegment source,
      long start,
      MemorySegment target,
      long[][] plan,
      long from,
      long to,
      int bytes,
      boolean rows) {
    for (long i = from; i < to; i++) {
      long s = start + i * plan[0][1] * bytes;
      long t = i * plan[0][2] * bytes;
      if (plan.length == 1) {
        element(source, s, target, t, bytes);
      } else {
        walk(source, s, target, t, plan, 1, bytes, rows);
      }
    }
  }

  private static void walk(
      MemorySegment source,
      long s,
      MemorySegment target,
      long t,
      long[][] plan,
      int d,
      int bytes,
      boolean rows) {
    long n = plan[d][0];
    long ss = plan[d][1] * bytes;
    long ts = plan[d][2] * bytes;
    if (d == plan.length - 1) {
      if (rows) {
        MemorySegment.copy(source, s, target, t, n * bytes);
      } else if (bytes == 4) {
        for (long i = 0; i < n; i++) {
          int v = source.get(ValueLayout.JAVA_INT_UNALIGNED, s + i * ss);
          target.set(ValueLayout.JAVA_INT_UNALIGNED, t + i * ts, v);
        }
      } else {
        for (long i = 0; i < n; i++) {
          element(source, s + i * ss, target, t + i * ts, bytes);
        }
      }
      return;
    }
    for (long i = 0; i < n; i++) {
      walk(source, s + i * ss, target, t + i * ts, plan, d + 1, bytes, rows);
    }
  }

  private static void element(MemorySegment s, long at, MemorySegment t, long to, int bytes) {
    switch (bytes) {
      case 1 -> t.set(ValueLayout.JAVA_BYTE, to, s.get(ValueLayout.JAVA_BYTE, at));
      case 2 ->
          t.set(ValueLayout.JAVA_SHORT_UNALIGNED, to, s.get(ValueLayout.JAVA_SHORT_UNALIGNED, at));
      case 4 ->
          t.set(ValueLayout.JAVA_INT_UNALIGNED, to, s.get(ValueLayout.JAVA_INT_UNALIGNED, at));
      default ->
          t.set(ValueLayout.JAVA_LONG_UNALIGNED, to, s.get(ValueLayout.JAVA_LONG_UNALIGNED, at));
    }
  }
}
