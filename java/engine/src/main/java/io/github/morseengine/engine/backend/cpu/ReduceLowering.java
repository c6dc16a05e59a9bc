package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.ffi.openmp.Team;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.ShapeRules;
import io.github.morseengine.engine.tensor.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;

/** Sums and means over the last axes: of rows that lie in memory one behind the other. */
final class ReduceLowering {

  /** Floats that a thread takes at a time: they stay in the first-level cache. */
  private static final int CHUNK = 1024;

  /** Sums that run side by side, so that an addition need not wait for the one before. */
  private static final int LANES = 8;

  private static final ValueLayout.OfFloat F = ValueLayout.JAVA_FLOAT;

  private ReduceLowering() {}

  /** Adds a step; false where other axes than the last ones are reduced, or none. */
  static boolean lower(Program p, Node node) {
    View in = p.get(node.input(0));
    if (node.input(1) != null && !node.input(1).isConstant() || in.elements() == 0) {
      return false;
    }
    long[] axes =
        node.input(1) == null
            ? null
            : node.input(1).constant().materialize(Arena.ofAuto()).toLongs();
    boolean[] reduced = ShapeRules.reduced(node, in.rank(), axes);
    int first = in.rank();
    while (reduced != null && first > 0 && reduced[first - 1]) {
      first--;
    }
    if (reduced == null || first == in.rank()) {
      return false;
    }
    for (int d = 0; d < first; d++) {
      if (reduced[d]) {
        return false;
      }
    }
    View x = p.dense(in);
    View y = p.allocateDense(DType.FLOAT32, node.output(0).shape());
    int rows = Math.toIntExact(y.elements());
    long width = x.elements() / rows;
    double factor = node.is("ReduceMean") ? 1.0 / width : 1;
    boolean alone = p.alone(x.elements(), x, y);
    JavaStep step =
        new JavaStep("sums of rows", List.of(x, y), b -> bind(b, x, y, rows, factor, alone));
    p.add(step);
    p.put(node.output(0), y);
    return true;
  }

  private static Step.Bound bind(
      Binding b, View x, View y, int rows, double factor, boolean alone) {
    MemorySegment from = b.of(x);
    MemorySegment to = b.of(y);
    long width = x.elements() / rows;
    int threads = alone ? 1 : Math.min(b.team().threads(), rows);
    float[][] chunks = new float[threads][CHUNK];
    float[][] lanes = new float[threads][LANES];
    Team.Body part =
        (t, n) -> {
          // A team may be larger than there are rows.
          for (int row = t; t < threads && row < rows; row += Math.min(n, threads)) {
            double sum = 0;
            for (long at = 0; at < width; at += CHUNK) {
              int count = (int) Math.min(CHUNK, width - at);
              MemorySegment.copy(from, F, 4 * (row * width + at), chunks[t], 0, count);
              sum += sum(chunks[t], count, lanes[t]);
            }
            to.set(F, 4L * row, (float) (sum * factor));
          }
        };
    return threads == 1 ? () -> part.run(0, 1) : () -> b.team().parallel(part);
  }

  private static double sum(float[] v, int n, float[] lanes) {
    Arrays.fill(lanes, 0);
    int i = 0;
    for (; i + LANES <= n; i += LANES) {
      for (int k = 0; k < LANES; k++) {
        lanes[k] += v[i + k];
      }
    }
    double sum = 0;
    for (; i < n; i++) {
      sum += v[i];
    }
    for (float lane : lanes) {
      sum += lane;
    }
    return sum;
  }
}
