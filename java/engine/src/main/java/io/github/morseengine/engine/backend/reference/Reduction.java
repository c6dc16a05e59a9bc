package io.github.morseengine.engine.backend.reference;

import io.github.morseengine.engine.error.UnsupportedOpException;
import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.ShapeRules;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Shapes;
import io.github.morseengine.engine.tensor.Tensor;
import java.util.Arrays;

/** Reductions over axes, arg reductions, cumulative sums and products. */
final class Reduction {

  private Reduction() {}

  static Tensor run(Node node, Tensor[] in) {
    return switch (node.opType()) {
      case "ArgMax", "ArgMin" -> arg(node, in[0]);
      case "CumSum", "CumProd" -> cumulative(node, in[0], (int) in[1].getLong(0));
      default -> reduce(node, in);
    };
  }

  private static Tensor reduce(Node node, Tensor[] in) {
    Tensor x = in[0];
    boolean[] reduced = ShapeRules.reduced(node, x.rank(), Shaping.longs(in, 1));
    if (reduced == null) {
      return x;
    }
    String op = node.opType();
    boolean keep = node.attributes().getInt("keepdims", 1) == 1;
    long[] kept = ShapeRules.reduce(x.shape(), reduced, true);
    long outputs = Shapes.elements(kept);
    double[] acc = new double[Math.toIntExact(outputs)];
    double start =
        switch (op) {
          case "ReduceMax" -> x.dtype() == DType.BOOL ? 0 : Double.NEGATIVE_INFINITY;
          case "ReduceMin" -> Double.POSITIVE_INFINITY;
          case "ReduceProd" -> 1;
          default -> 0;
        };
    Arrays.fill(acc, start);
    // Exponents are taken relative to the largest, so that their sum stays finite.
    double[] peaks = op.equals("ReduceLogSumExp") ? largest(x, kept, acc.length) : null;
    Walk walk = new Walk(kept, x.shape());
    for (long i = 0; i < x.elements(); i++) {
      int o = (int) walk.next();
      double v = x.getDouble(i);
      acc[o] =
          switch (op) {
            case "ReduceSum", "ReduceMean" -> acc[o] + v;
            case "ReduceMax" -> Math.max(acc[o], v);
            case "ReduceMin" -> Math.min(acc[o], v);
            case "ReduceProd" -> acc[o] * v;
            case "ReduceL1" -> acc[o] + Math.abs(v);
            case "ReduceLogSum" -> acc[o] + v;
            case "ReduceLogSumExp" -> acc[o] + Math.exp(v - peaks[o]);
            case "ReduceL2", "ReduceSumSquare" -> acc[o] + v * v;
            default -> throw new UnsupportedOpException("operator " + op + " is unknown");
          };
    }
    Tensor out = Tensor.allocate(x.dtype(), ShapeRules.reduce(x.shape(), reduced, keep));
    double count = outputs == 0 ? 1 : (double) x.elements() / outputs;
    for (int i = 0; i < acc.length; i++) {
      double v =
          switch (op) {
            case "ReduceMean" -> acc[i] / count;
            case "ReduceL2" -> Math.sqrt(acc[i]);
            case "ReduceLogSum" -> Math.log(acc[i]);
            case "ReduceLogSumExp" -> peaks[i] + Math.log(acc[i]);
            default -> acc[i];
          };
      out.setDouble(i, v);
    }
    return out;
  }

  /** The largest element behind each result; 0 where there is none or it is infinite. */
  private static double[] largest(Tensor x, long[] kept, int results) {
    double[] max = new double[results];
    Arrays.fill(max, Double.NEGATIVE_INFINITY);
    Walk walk = new Walk(kept, x.shape());
    for (long i = 0; i < x.elements(); i++) {
      int o = (int) walk.next();
      max[o] = Math.max(max[o], x.getDouble(i));
    }
    Arrays.setAll(max, i -> Double.isInfinite(max[i]) ? 0 : max[i]);
    return max;
  }

  private static Tensor arg(Node node, Tensor x) {
    Attributes a = node.attributes();
    int axis = Shapes.axis(a.getInt("axis", 0), x.rank());
    boolean last = a.getInt("select_last_index", 0) == 1;
    double sign = node.opType().equals("ArgMax") ? 1 : -1;
    boolean[] reduced = new boolean[x.rank()];
    reduced[axis] = true;
    long[] shape = ShapeRules.reduce(x.shape(), reduced, a.getInt("keepdims", 1) == 1);
    Tensor out = Tensor.allocate(DType.INT64, shape);
    Lines lines = Lines.of(x, axis);
    for (long i = 0; i < out.elements(); i++) {
      long base = lines.begin(i);
      long best = 0;
      for (long k = 1; k < lines.size(); k++) {
        double v = sign * x.getDouble(base + k * lines.step());
        double w = sign * x.getDouble(base + best * lines.step());
        best = v > w || last && v == w ? k : best;
      }
      out.setLong(i, best);
    }
    return out;
  }

  private static Tensor cumulative(Node node, Tensor x, int rawAxis) {
    int axis = Shapes.axis(rawAxis, x.rank());
    boolean exclusive = node.attributes().getInt("exclusive", 0) == 1;
    boolean reverse = node.attributes().getInt("reverse", 0) == 1;
    boolean product = node.opType().equals("CumProd");
    Tensor out = Tensor.allocate(x.dtype(), x.shape());
    Lines lines = Lines.of(x, axis);
    long n = lines.size();
    for (long line = 0; line < lines.count(); line++) {
      double before = product ? 1 : 0;
      for (long k = 0; k < n; k++) {
        long at = lines.begin(line) + (reverse ? n - 1 - k : k) * lines.step();
        double v = x.getDouble(at);
        double with = product ? before * v : before + v;
        out.setDouble(at, exclusive ? before : with);
        before = with;
      }
    }
    return out;
  }
}
