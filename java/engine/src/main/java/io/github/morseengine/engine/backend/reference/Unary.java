package io.github.morseengine.engine.backend.reference;

import io.github.morseengine.engine.error.UnsupportedOpException;
import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import java.util.function.DoubleUnaryOperator;

/** Element-wise operators of one input, casts, and clipping. */
final class Unary {

  private Unary() {}

  static Tensor run(Node node, Tensor x) {
    String op = node.opType();
    Attributes a = node.attributes();
    if (op.equals("IsNaN") || op.equals("IsInf") || op.equals("Not")) {
      return predicate(op, a, x);
    }
    if (!x.dtype().isFloat() && (op.equals("Neg") || op.equals("Abs") || op.equals("Sign"))) {
      Tensor out = Tensor.allocate(x.dtype(), x.shape());
      for (long i = 0; i < x.elements(); i++) {
        long v = x.getLong(i);
        out.setLong(i, op.equals("Neg") ? -v : op.equals("Abs") ? Math.abs(v) : Long.signum(v));
      }
      return out;
    }
    DoubleUnaryOperator f = function(op, a);
    if (f == null) {
      throw new UnsupportedOpException("operator " + op + " is unknown");
    }
    Tensor out = Tensor.allocate(x.dtype(), x.shape());
    for (long i = 0; i < x.elements(); i++) {
      out.setDouble(i, f.applyAsDouble(x.getDouble(i)));
    }
    return out;
  }

  private static Tensor predicate(String op, Attributes a, Tensor x) {
    boolean above = a.getInt("detect_positive", 1) == 1;
    boolean below = a.getInt("detect_negative", 1) == 1;
    Tensor out = Tensor.allocate(DType.BOOL, x.shape());
    for (long i = 0; i < x.elements(); i++) {
      double v = x.getDouble(i);
      boolean yes =
          switch (op) {
            case "IsNaN" -> Double.isNaN(v);
            case "IsInf" -> Double.isInfinite(v) && (v > 0 ? above : below);
            default -> v == 0;
          };
      out.setLong(i, yes ? 1 : 0);
    }
    return out;
  }

  /** The function of an operator; null for what is none of one real number. */
  static DoubleUnaryOperator function(String op, Attributes a) {
    return switch (op) {
      case "Abs" -> Math::abs;
      case "Acos" -> Math::acos;
      case "Acosh" -> v -> Math.log(v + Math.sqrt(v * v - 1));
      case "Asin" -> Math::asin;
      case "Asinh" -> v -> Math.copySign(Functions.asinh(Math.abs(v)), v);
      case "Atan" -> Math::atan;
      case "Atanh" -> v -> 0.5 * (Math.log1p(v) - Math.log1p(-v));
      case "Ceil" -> Math::ceil;
      case "Celu" -> {
        float alpha = a.getFloat("alpha", 1);
        yield v -> v < 0 ? alpha * Math.expm1(v / alpha) : v;
      }
      case "Cos" -> Math::cos;
      case "Cosh" -> Math::cosh;
      case "Elu" -> {
        float alpha = a.getFloat("alpha", 1);
        yield v -> v < 0 ? alpha * Math.expm1(v) : v;
      }
      case "Erf" -> Functions::erf;
      case "Exp" -> Math::exp;
      case "Floor" -> Math::floor;
      case "Gelu" ->
          a.getString("approximate", "none").equals("tanh") ? Functions::geluTanh : Functions::gelu;
      case "HardSigmoid" -> {
        float alpha = a.getFloat("alpha", 0.2f);
        float beta = a.getFloat("beta", 0.5f);
        yield v -> Math.max(0, Math.min(1, alpha * v + beta));
      }
      case "HardSwish" -> v -> v * Math.max(0, Math.min(1, v / 6 + 0.5));
      case "LeakyRelu" -> {
        float alpha = a.getFloat("alpha", 0.01f);
        yield v -> v < 0 ? alpha * v : v;
      }
      case "Log" -> Math::log;
      case "Mish" -> v -> v * Math.tanh(Functions.softplus(v));
      case "Neg" -> v -> -v;
      case "Reciprocal" -> v -> 1 / v;
      case "Relu" -> v -> v > 0 || Double.isNaN(v) ? v : 0;
      case "Round" -> Math::rint;
      case "Selu" -> {
        float alpha = a.getFloat("alpha", 1.67326319f);
        float gamma = a.getFloat("gamma", 1.05070102f);
        yield v -> gamma * (v < 0 ? alpha * Math.expm1(v) : v);
      }
      case "Shrink" -> {
        float lambda = a.getFloat("lambd", 0.5f);
        float bias = a.getFloat("bias", 0);
        yield v -> v < -lambda ? v + bias : v > lambda ? v - bias : 0;
      }
      case "Sigmoid" -> Functions::sigmoid;
      case "Sign" -> Math::signum;
      case "Sin" -> Math::sin;
      case "Sinh" -> Math::sinh;
      case "Softplus" -> Functions::softplus;
      case "Softsign" -> v -> v / (1 + Math.abs(v));
      case "Sqrt" -> Math::sqrt;
      case "Swish" -> {
        float alpha = a.getFloat("alpha", 1);
        yield v -> v * Functions.sigmoid(alpha * v);
      }
      case "Tan" -> Math::tan;
      case "Tanh" -> Math::tanh;
      case "ThresholdedRelu" -> {
        float alpha = a.getFloat("alpha", 1);
        yield v -> v > alpha ? v : 0;
      }
      default -> null;
    };
  }

  static Tensor clip(Node node, Tensor[] in) {
    double low = node.attributes().getFloat("min", Float.NEGATIVE_INFINITY);
    double high = node.attributes().getFloat("max", Float.POSITIVE_INFINITY);
    low = in.length > 1 && in[1] != null ? in[1].getDouble(0) : low;
    high = in.length > 2 && in[2] != null ? in[2].getDouble(0) : high;
    Tensor out = Tensor.allocate(in[0].dtype(), in[0].shape());
    for (long i = 0; i < out.elements(); i++) {
      out.setDouble(i, Math.min(high, Math.max(low, in[0].getDouble(i))));
    }
    return out;
  }

  static Tensor cast(Node node, Tensor x) {
    DType to = DType.ofOnnx((int) node.attributes().getInt("to", 1));
    if (to == null) {
      throw new UnsupportedOpException(
          "node '" + node.name() + "' casts to a type that the engine does not have");
    }
    return cast(x, to);
  }

  static Tensor cast(Tensor x, DType to) {
    if (x.dtype() == to) {
      return x;
    }
    Tensor out = Tensor.allocate(to, x.shape());
    boolean integers = !x.dtype().isFloat() && !to.isFloat();
    for (long i = 0; i < out.elements(); i++) {
      if (integers) {
        out.setLong(i, x.getLong(i));
      } else {
        out.setDouble(i, x.getDouble(i));
      }
    }
    return out;
  }
}
