package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.backend.plan.ViewLowering;
import io.github.morseengine.engine.ffi.openmp.Team;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.ShapeRules;
import io.github.morseengine.engine.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Sums, means, norms and extremes over axes: of rows that lie in memory one behind the other, for
 * which other axes than the last are brought to the end first.
 */
final class ReduceLowering {

  /** Floats that a thread takes at a time: they stay in the first-level cache. */
  private static final int CHUNK = 1024;

  /** Sums that run side by side, so that an addition need not wait for the one before. */
  private static final int LANES = 8;

  private static final ValueLayout.OfFloat F = ValueLayout.JAVA_FLOAT;

  private ReduceLowering() {}

  /** How elements are joined. */
  private enum Kind {
    SUM,
    SQUARES,
    ABSOLUTES,
    MAX,
    MIN;

    static Kind of(String op) {
      return switch (op) {
        case "ReduceSum", "ReduceMean" -> SUM;
        case "ReduceSumSquare", "ReduceL2" -> SQUARES;
        case "ReduceL1" -> ABSOLUTES;
        case "ReduceMax" -> MAX;
        case "ReduceMin" -> MIN;
        default -> null;
      };
    }
  }

  /** Adds a step; false for other operators, axes that are not known, or none to reduce. */
  static boolean lower(Program p, Node node) {
    Kind kind = Kind.of(node.opType());
    View in = p.get(node.input(0));
    boolean known = node.input(1) == null || node.input(1).isConstant();
    if (kind == null || !known || in.elements() == 0 || in.dtype() != DType.FLOAT32) {
      return false;
    }
    boolean[] reduced = ShapeRules.reduced(node, in.rank(), ViewLowering.longs(node, 1));
    if (reduced == null) {
      return false;
    }
    int[] order =
        IntStream.concat(
                IntStream.range(0, in.rank()).filter(d -> !reduced[d]),
                IntStream.range(0, in.rank()).filter(d -> reduced[d]))
            .toArray();
    View x = p.dense(in.transpose(order));
    View y = p.allocateDense(DType.FLOAT32, node.output(0).shape());
    rows(p, kind, node.opType(), x, y);
    p.put(node.output(0), y);
    return true;
  }

  /**
   * Adds a step for means.
   *
   * @param x row-major
   * @param y row-major, as many elements as rows of x have a mean
   */
  static void means(Program p, View x, View y) {
    rows(p, Kind.SUM, "ReduceMean", x, y);
  }

  private static void rows(Program p, Kind kind, String op, View x, View y) {
    int rows = Math.toIntExact(y.elements());
    double factor = op.equals("ReduceMean") ? (double) rows / x.elements() : 1;
    boolean root = op.equals("ReduceL2");
    boolean alone = p.alone(x.elements(), x, y);
    String name = kind == Kind.SUM ? "sums of rows" : op + " of rows";
    p.add(
        new JavaStep(
            name, List.of(x, y), b -> bind(b, new Rows(kind, factor, root), x, y, rows, alone)));
  }

  /** What becomes of a row. */
  private record Rows(Kind kind, double factor, boolean root) {

    float of(MemorySegment from, long at, long width, float[] chunk, float[] lanes) {
      double all = kind == Kind.MAX ? -1.0 / 0 : kind == Kind.MIN ? 1.0 / 0 : 0;
      for (long i = 0; i < width; i += CHUNK) {
        int count = (int) Math.min(CHUNK, width - i);
        MemorySegment.copy(from, F, 4 * (at + i), chunk, 0, count);
        all =
            switch (kind) {
              case MAX -> Math.max(all, max(chunk, count));
              case MIN -> Math.min(all, min(chunk, count));
              default -> all + sum(chunk, count, lanes);
            };
      }
      return (float) ((root ? Math.sqrt(all) : all) * factor);
    }

    private double sum(float[] v, int n, float[] lanes) {
      switch (kind) {
        case SQUARES -> {
          for (int i = 0; i < n; i++) {
            v[i] *= v[i];
          }
        }
        case ABSOLUTES -> {
          for (int i = 0; i < n; i++) {
            v[i] = Math.abs(v[i]);
          }
        }
        default -> {}
      }
      return ReduceLowering.sum(v, n, lanes);
    }
  }

  private static Step.Bound bind(Binding b, Rows what, View x, View y, int rows, boolean alone) {
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
            to.set(F, 4L * row, what.of(from, row * width, width, chunks[t], lanes[t]));
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

  private static float max(float[] v, int n) {
    float most = v[0];
    for (int i = 1; i < n; i++) {
      most = Math.max(most, v[i]);
    }
    return most;
  }

  private static float min(float[] v, int n) {
    float least = v[0];
    for (int i = 1; i < n; i++) {
      least = Math.min(least, v[i]);
    }
    return least;
  }
}
