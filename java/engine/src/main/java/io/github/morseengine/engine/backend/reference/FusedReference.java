package io.github.morseengine.engine.backend.reference;

import io.github.morseengine.engine.error.UnsupportedOpException;
import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.FusedOps;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.tensor.Tensor;
import java.util.function.DoubleUnaryOperator;

/** The operators that passes make, composed of the plain ones. */
final class FusedReference {

  private FusedReference() {}

  static Tensor[] run(Node node, Tensor[] in) {
    Attributes a = node.attributes();
    return ReferenceOps.one(
        switch (node.opType()) {
          case FusedOps.CONV -> conv(node, in);
          case FusedOps.LINEAR ->
              epilogue(
                  Products.matmul(in[0], in[1]),
                  at(in, 2),
                  in[0].rank() - 1,
                  at(in, 3),
                  a.getString("activation", "none"));
          case FusedOps.GROUP_NORM -> groupNorm(a, in);
          case FusedOps.EXPRESSION -> expression(node, in);
          case FusedOps.GEGLU -> geglu(a, in[0]);
          case FusedOps.SILU -> map(in[0], v -> v * Functions.sigmoid(v));
          case FusedOps.ATTENTION ->
              AttentionReference.attend(in[0], in[1], in[2], at(in, 3), a.getFloat("scale", 1));
          default -> throw new UnsupportedOpException("operator " + node.opType() + " is unknown");
        });
  }

  static Tensor at(Tensor[] in, int i) {
    return i < in.length ? in[i] : null;
  }

  private static Tensor conv(Node node, Tensor[] in) {
    Tensor x = in[0];
    if (node.attributes().getInt("upsample", 1) == 2) {
      x =
          Movement.expand(
                  x.reshape(x.dim(0), x.dim(1), x.dim(2), 1, x.dim(3), 1),
                  new long[] {x.dim(0), x.dim(1), x.dim(2), 2, x.dim(3), 2})
              .reshape(x.dim(0), x.dim(1), 2 * x.dim(2), 2 * x.dim(3));
    }
    Tensor y = Convolution.conv(node, new Tensor[] {x, in[1]});
    String activation = node.attributes().getString("activation", "none");
    return epilogue(y, at(in, 2), 1, at(in, 3), activation);
  }

  /** act(y + bias along one axis + residual). */
  private static Tensor epilogue(
      Tensor y, Tensor bias, int axis, Tensor residual, String activation) {
    DoubleUnaryOperator f = activation(activation);
    long inner = 1;
    for (int d = axis + 1; d < y.rank(); d++) {
      inner *= y.dim(d);
    }
    Tensor out = Tensor.allocate(y.dtype(), y.shape());
    for (long i = 0; i < y.elements(); i++) {
      double v = y.getDouble(i);
      v += bias == null ? 0 : bias.getDouble(i / inner % y.dim(axis));
      v += residual == null ? 0 : residual.getDouble(i);
      out.setDouble(i, f.applyAsDouble(v));
    }
    return out;
  }

  private static DoubleUnaryOperator activation(String name) {
    return switch (name) {
      case "none" -> v -> v;
      case "silu" -> v -> v * Functions.sigmoid(v);
      case "gelu" -> Functions::gelu;
      case "gelu_tanh" -> Functions::geluTanh;
      default -> throw new UnsupportedOpException("activation " + name + " is unknown");
    };
  }

  private static Tensor groupNorm(Attributes a, Tensor[] in) {
    Tensor x = in[0];
    long channels = x.dim(1);
    long inner = x.elements() / x.dim(0) / channels;
    Tensor pre = at(in, 3);
    if (pre != null) {
      Tensor sum = Tensor.allocate(x.dtype(), x.shape());
      for (long i = 0; i < x.elements(); i++) {
        sum.setDouble(i, x.getDouble(i) + perChannel(pre, i / inner, channels));
      }
      x = sum;
    }
    int groups = (int) a.getInt("num_groups", 1);
    Tensor y = Normalization.group(x, in[1], in[2], groups, a.getFloat("epsilon", 1e-5f));
    DoubleUnaryOperator f = activation(a.getString("activation", "none"));
    Tensor multiplier = at(in, 4);
    Tensor shift = at(in, 5);
    for (long i = 0; i < y.elements(); i++) {
      double v = y.getDouble(i);
      v *= multiplier == null ? 1 : perChannel(multiplier, i / inner, channels);
      v += shift == null ? 0 : perChannel(shift, i / inner, channels);
      y.setDouble(i, f.applyAsDouble(v));
    }
    return y;
  }

  private static double perChannel(Tensor t, long row, long channels) {
    return t.getDouble(row % (t.dim(0) * channels));
  }

  private static Tensor expression(Node node, Tensor[] in) {
    long[] program = node.attributes().getInts("program");
    Tensor out = Tensor.allocate(in[0].dtype(), node.output(0).shape());
    Walk[] walks = new Walk[in.length];
    for (int k = 0; k < in.length; k++) {
      walks[k] = new Walk(in[k].shape(), out.shape());
    }
    double[] r = new double[in.length + program.length / 3];
    for (long i = 0; i < out.elements(); i++) {
      for (int k = 0; k < in.length; k++) {
        r[k] = in[k].getDouble(walks[k].next());
      }
      for (int k = 0; k < program.length; k += 3) {
        double a = r[(int) program[k + 1]];
        double b = r[(int) program[k + 2]];
        r[in.length + k / 3] =
            switch ((int) program[k]) {
              case 0 -> a + b;
              case 1 -> a - b;
              case 2 -> a * b;
              default -> a / b;
            };
      }
      out.setDouble(i, r[r.length - 1]);
    }
    return out;
  }

  private static Tensor geglu(Attributes a, Tensor x) {
    boolean tanh = a.getString("approximate", "none").equals("tanh");
    long[] shape = x.shape();
    long c = shape[shape.length - 1] / 2;
    shape[shape.length - 1] = c;
    Tensor out = Tensor.allocate(x.dtype(), shape);
    for (long i = 0; i < out.elements(); i++) {
      long base = i / c * 2 * c + i % c;
      double gate = x.getDouble(base + c);
      out.setDouble(
          i, x.getDouble(base) * (tanh ? Functions.geluTanh(gate) : Functions.gelu(gate)));
    }
    return out;
  }

  private static Tensor map(Tensor x, DoubleUnaryOperator f) {
    Tensor out = Tensor.allocate(x.dtype(), x.shape());
    for (long i = 0; i < x.elements(); i++) {
      out.setDouble(i, f.applyAsDouble(x.getDouble(i)));
    }
    return out;
  }
}
