package io.github.morseengine.engine.graph.passes;

import io.github.morseengine.engine.ir.Constant;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import java.lang.foreign.Arena;

/** What passes ask about nodes and values. */
final class Match {

  private Match() {}

  /** The node that computes a value, if it is a given ONNX operator; else null. */
  static Node producer(Value v, String op) {
    return v != null && v.producer() != null && v.producer().is(op) ? v.producer() : null;
  }

  /** The node that computes a value, if it is a given fused operator; else null. */
  static Node fused(Value v, String op) {
    return v != null && v.producer() != null && v.producer().isFused(op) ? v.producer() : null;
  }

  /** Whether a value has a type that fused operators take: float32, or a half precision. */
  static boolean isReal(Value v) {
    return v.dtype() == DType.FLOAT32 || v.dtype() == DType.FLOAT16 || v.dtype() == DType.BFLOAT16;
  }

  /** The other input of an operator of two inputs. */
  static Value other(Node n, Value v) {
    return n.input(0) == v ? n.input(1) : n.input(0);
  }

  /** The value of a constant of one element; NaN for everything else. */
  static double scalar(Value v) {
    if (v == null || !v.isConstant() || v.elements() != 1) {
      return Double.NaN;
    }
    return first(v.constant());
  }

  /** The value that all elements of a small constant have; NaN if there is none. */
  static double uniform(Value v) {
    if (v == null || !v.isConstant() || v.elements() == 0 || v.elements() > 1 << 16) {
      return Double.NaN;
    }
    Tensor t = v.constant().materialize(Arena.ofAuto());
    double first = t.getDouble(0);
    for (long i = 1; i < t.elements(); i++) {
      if (t.getDouble(i) != first) {
        return Double.NaN;
      }
    }
    return first;
  }

  /** What a value is the square of, as a power or as a product with itself; null if nothing. */
  static Value squared(Value v) {
    Node pow = producer(v, "Pow");
    if (pow != null) {
      return uniform(pow.input(1)) == 2 ? pow.input(0) : null;
    }
    Node mul = producer(v, "Mul");
    return mul != null && mul.input(0) == mul.input(1) ? mul.input(0) : null;
  }

  /** The elements of a constant; null where a value is absent. */
  static long[] longs(Value v) {
    return v == null ? null : v.constant().materialize(Arena.ofAuto()).toLongs();
  }

  private static double first(Constant c) {
    return c.materialize(Arena.ofAuto()).getDouble(0);
  }

  /** Whether two numbers agree to what exporters write, in bfloat16 too. */
  static boolean near(double a, double b) {
    return Math.abs(a - b) <= 0x1p-8 * Math.abs(b);
  }

  /** The input of a two-input node that is not a scalar constant, if the other is one. */
  static Value scaled(Node n) {
    if (n == null) {
      return null;
    }
    if (!Double.isNaN(scalar(n.input(1)))) {
      return n.input(0);
    }
    return !n.is("Div") && !Double.isNaN(scalar(n.input(0))) ? n.input(1) : null;
  }

  /** The factor by which a Mul or Div with a scalar constant multiplies; NaN if it is none. */
  static double factor(Node n) {
    if (n == null || scaled(n) == null) {
      return Double.NaN;
    }
    double s = scalar(other(n, scaled(n)));
    return n.is("Mul") ? s : n.is("Div") ? 1 / s : Double.NaN;
  }

  /** The scalar that an Add or Sub with a scalar constant adds; NaN if it is none. */
  static double summand(Node n) {
    Value x = scaled(n);
    if (x == null || n.is("Sub") && n.input(0) != x) {
      return Double.NaN;
    }
    double s = scalar(other(n, x));
    return n.is("Add") ? s : n.is("Sub") ? -s : Double.NaN;
  }
}
