package io.github.morseengine.engine.backend.reference;

import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Shapes;
import io.github.morseengine.engine.tensor.Tensor;
import java.util.Arrays;

/** Normalisations and softmax. */
final class Normalization {

  private Normalization() {}

  static Tensor[] run(Node node, Tensor[] in) {
    Attributes a = node.attributes();
    float eps = a.getFloat("epsilon", 1e-5f);
    return switch (node.opType()) {
      case "BatchNormalization" -> ReferenceOps.one(batch(in, eps));
      case "InstanceNormalization" ->
          ReferenceOps.one(group(in[0], in[1], in[2], (int) in[0].dim(1), eps));
      case "GroupNormalization" -> {
        int groups = (int) a.getInt("num_groups", 1);
        ReferenceOps.check(
            groups > 0 && in[0].dim(1) % groups == 0, "channels do not divide by num_groups");
        // Up to opset 20 scale and bias have one element per group, from 21 on one per channel.
        boolean perGroup = in[1].elements() == groups && in[1].elements() != in[0].dim(1);
        int repeat = perGroup ? (int) in[0].dim(1) / groups : 1;
        yield ReferenceOps.one(
            group(in[0], repeated(in[1], repeat), repeated(in[2], repeat), groups, eps));
      }
      case "LpNormalization" -> ReferenceOps.one(lengths(node, in[0]));
      case "LayerNormalization" -> layer(node, in, true);
      default -> ReferenceOps.one(layer(node, in, false)[0]);
    };
  }

  private static Tensor repeated(Tensor t, int times) {
    if (times == 1) {
      return t;
    }
    Tensor out = Tensor.allocate(t.dtype(), t.elements() * times);
    for (long i = 0; i < out.elements(); i++) {
      out.setDouble(i, t.getDouble(i / times));
    }
    return out;
  }

  private static Tensor batch(Tensor[] in, float eps) {
    Tensor x = in[0];
    Tensor out = Tensor.allocate(x.dtype(), x.shape());
    long channels = x.rank() > 1 ? x.dim(1) : 1;
    for (int i = 1; i < 5; i++) {
      ReferenceOps.check(
          in[i].elements() == channels, "scale, bias, mean and variance are one per channel");
    }
    long inner = x.elements() == 0 ? 1 : x.elements() / x.dim(0) / channels;
    for (long i = 0; i < x.elements(); i++) {
      long c = i / inner % channels;
      double rate = in[1].getDouble(c) / Math.sqrt(in[4].getDouble(c) + eps);
      out.setDouble(i, (x.getDouble(i) - in[3].getDouble(c)) * rate + in[2].getDouble(c));
    }
    return out;
  }

  static Tensor group(Tensor x, Tensor scale, Tensor bias, int groups, float eps) {
    long n = x.dim(0);
    long c = x.dim(1);
    long inner = n * c == 0 ? 0 : x.elements() / n / c;
    ReferenceOps.check(groups > 0 && c % groups == 0, "channels do not divide by num_groups");
    long size = c / groups * inner;
    Tensor out = Tensor.allocate(x.dtype(), x.shape());
    for (long g = 0; g < n * groups; g++) {
      double mean = 0;
      for (long i = 0; i < size; i++) {
        mean += x.getDouble(g * size + i);
      }
      mean /= size;
      double variance = 0;
      for (long i = 0; i < size; i++) {
        double d = x.getDouble(g * size + i) - mean;
        variance += d * d;
      }
      double rate = 1 / Math.sqrt(variance / size + eps);
      for (long i = 0; i < size; i++) {
        long channel = g % groups * (c / groups) + i / inner;
        double v = (x.getDouble(g * size + i) - mean) * rate;
        double s = scale == null ? 1 : scale.getDouble(channel);
        double b = bias == null ? 0 : bias.getDouble(channel);
        out.setDouble(g * size + i, v * s + b);
      }
    }
    return out;
  }

  private static Tensor[] layer(Node node, Tensor[] in, boolean centred) {
    Tensor x = in[0];
    int axis = Shapes.axis(node.attributes().getInt("axis", -1), x.rank());
    float eps = node.attributes().getFloat("epsilon", 1e-5f);
    long inner = Shapes.elements(Arrays.copyOfRange(x.shape(), axis, x.rank()));
    long rows = Shapes.elements(Arrays.copyOf(x.shape(), axis));
    Tensor bias = in.length > 2 ? in[2] : null;
    Tensor out = Tensor.allocate(x.dtype(), x.shape());
    long[] stats = x.shape();
    Arrays.fill(stats, axis, stats.length, 1);
    Tensor means = Tensor.allocate(DType.FLOAT32, stats);
    Tensor rates = Tensor.allocate(DType.FLOAT32, stats);
    long[] tail = Arrays.copyOfRange(x.shape(), axis, x.rank());
    for (long r = 0; r < rows; r++) {
      double mean = 0;
      for (long i = 0; centred && i < inner; i++) {
        mean += x.getDouble(r * inner + i) / inner;
      }
      double variance = 0;
      for (long i = 0; i < inner; i++) {
        double d = x.getDouble(r * inner + i) - mean;
        variance += d * d / inner;
      }
      double rate = 1 / Math.sqrt(variance + eps);
      means.setDouble(r, mean);
      rates.setDouble(r, rate);
      Walk ws = new Walk(in[1].shape(), tail);
      Walk wb = bias == null ? null : new Walk(bias.shape(), tail);
      for (long i = 0; i < inner; i++) {
        double v = (x.getDouble(r * inner + i) - mean) * rate * in[1].getDouble(ws.next());
        out.setDouble(r * inner + i, wb == null ? v : v + bias.getDouble(wb.next()));
      }
    }
    return new Tensor[] {out, means, rates};
  }

  /** Lines of length 1, by the sum of absolute values or of squares; zeros stay zeros. */
  private static Tensor lengths(Node node, Tensor x) {
    int axis = Shapes.axis(node.attributes().getInt("axis", -1), x.rank());
    boolean absolute = node.attributes().getInt("p", 2) == 1;
    Tensor out = Tensor.allocate(x.dtype(), x.shape());
    Lines lines = Lines.of(x, axis);
    for (long line = 0; line < lines.count(); line++) {
      double sum = 0;
      for (long k = 0; k < lines.size(); k++) {
        double v = x.getDouble(lines.begin(line) + k * lines.step());
        sum += absolute ? Math.abs(v) : v * v;
      }
      double norm = absolute ? sum : Math.sqrt(sum);
      for (long k = 0; k < lines.size(); k++) {
        long at = lines.begin(line) + k * lines.step();
        out.setDouble(at, norm == 0 ? 0 : x.getDouble(at) / norm);
      }
    }
    return out;
  }

  static Tensor softmax(Node node, Tensor x) {
    long fallback = node.opset() < 13 ? 1 : -1;
    int axis = Shapes.axis(node.attributes().getInt("axis", fallback), x.rank());
    long[] shape = x.shape();
    // Before opset 13 everything from the axis on is one row.
    boolean flat = node.domain().isEmpty() && node.opset() < 13;
    long size = Shapes.elements(Arrays.copyOfRange(shape, axis, shape.length));
    Lines lines = flat ? new Lines(x.elements() / Math.max(1, size), size, 1) : Lines.of(x, axis);
    long inner = lines.step();
    long n = lines.size();
    boolean log = node.opType().equals("LogSoftmax");
    Tensor out = Tensor.allocate(x.dtype(), shape);
    for (long line = 0; line < lines.count(); line++) {
      long base = lines.begin(line);
      double max = Double.NEGATIVE_INFINITY;
      for (long k = 0; k < n; k++) {
        max = Math.max(max, x.getDouble(base + k * inner));
      }
      double sum = 0;
      for (long k = 0; k < n; k++) {
        sum += Math.exp(x.getDouble(base + k * inner) - max);
      }
      for (long k = 0; k < n; k++) {
        double d = x.getDouble(base + k * inner) - max;
        out.setDouble(base + k * inner, log ? d - Math.log(sum) : Math.exp(d) / sum);
      }
    }
    return out;
  }
}
