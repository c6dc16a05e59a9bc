package io.github.morseengine.engine.backend.reference;

import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Shapes;
import io.github.morseengine.engine.tensor.Tensor;
import java.util.Arrays;

/** Element-wise operators of two or more inputs, broadcast by ONNX's rule. */
final class Binary {

  private Binary() {}

  static Tensor run(Node node, Tensor[] in) {
    Tensor acc = in[0];
    if (in.length == 1) {
      return acc;
    }
    String op = node.opType();
    boolean fmod = node.attributes().getInt("fmod", 0) == 1;
    for (int i = 1; i < in.length; i++) {
      acc = apply(op.equals("Sum") || op.equals("Mean") ? "Add" : op, acc, in[i], fmod);
    }
    if (op.equals("Mean")) {
      for (long i = 0; i < acc.elements(); i++) {
        acc.setDouble(i, acc.getDouble(i) / in.length);
      }
    }
    return acc;
  }

  private static Tensor apply(String op, Tensor a, Tensor b, boolean fmod) {
    boolean logical =
        switch (op) {
          case "Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "And", "Or", "Xor" ->
              true;
          default -> false;
        };
    long[] shape = shape(a, b);
    Tensor out = Tensor.allocate(logical ? DType.BOOL : a.dtype(), shape);
    Walk wa = new Walk(a.shape(), shape);
    Walk wb = new Walk(b.shape(), shape);
    boolean floating = a.dtype().isFloat() || op.equals("Pow") && b.dtype().isFloat();
    for (long i = 0; i < out.elements(); i++) {
      if (floating) {
        out.setDouble(i, real(op, a.getDouble(wa.next()), b.getDouble(wb.next()), fmod));
      } else {
        boolean unsigned = a.dtype() == DType.UINT64;
        out.setLong(i, integer(op, a.getLong(wa.next()), b.getLong(wb.next()), fmod, unsigned));
      }
    }
    return out;
  }

  static long[] shape(Tensor a, Tensor b) {
    long[] shape = Shapes.broadcast(a.shape(), b.shape());
    if (shape == null) {
      throw new InvalidInputException(
          "shapes "
              + Arrays.toString(a.shape())
              + " and "
              + Arrays.toString(b.shape())
              + " do not broadcast");
    }
    return shape;
  }

  private static double real(String op, double a, double b, boolean fmod) {
    return switch (op) {
      case "Add" -> a + b;
      case "Sub" -> a - b;
      case "Mul" -> a * b;
      case "Div" -> a / b;
      case "Pow" -> Math.pow(a, b);
      case "PRelu" -> a < 0 ? a * b : a;
      case "Mod" -> fmod ? a % b : floorMod(a, b);
      case "Max" -> Math.max(a, b);
      case "Min" -> Math.min(a, b);
      case "Equal" -> a == b ? 1 : 0;
      case "Less" -> a < b ? 1 : 0;
      case "LessOrEqual" -> a <= b ? 1 : 0;
      case "Greater" -> a > b ? 1 : 0;
      case "GreaterOrEqual" -> a >= b ? 1 : 0;
      default -> throw new InvalidInputException(op + " does not take floating-point inputs");
    };
  }

  /** The remainder with the sign of the divisor. */
  private static double floorMod(double a, double b) {
    double r = a % b;
    return r != 0 && r < 0 != b < 0 ? r + b : r == 0 ? Math.copySign(0, b) : r;
  }

  private static long integer(String op, long a, long b, boolean fmod, boolean unsigned) {
    return switch (op) {
      case "Add" -> a + b;
      case "Sub" -> a - b;
      case "Mul" -> a * b;
      case "Div" -> {
        if (b == 0) {
          throw new InvalidInputException("integer division by zero");
        }
        if (a == Long.MIN_VALUE && b == -1 || a == Integer.MIN_VALUE && b == -1) {
          throw new InvalidInputException("division of the smallest integer by -1 overflows");
        }
        yield unsigned ? Long.divideUnsigned(a, b) : a / b;
      }
      case "Mod" -> {
        if (b == 0) {
          throw new InvalidInputException("integer modulo by zero");
        }
        yield fmod ? a % b : Math.floorMod(a, b);
      }
      case "Pow" -> (long) Math.pow(a, b);
      case "PRelu" -> a < 0 ? a * b : a;
      case "Max" -> Math.max(a, b);
      case "Min" -> Math.min(a, b);
      case "Equal" -> a == b ? 1 : 0;
      case "Less" -> a < b ? 1 : 0;
      case "LessOrEqual" -> a <= b ? 1 : 0;
      case "Greater" -> a > b ? 1 : 0;
      case "GreaterOrEqual" -> a >= b ? 1 : 0;
      case "And" -> a & b;
      case "Or" -> a | b;
      case "Xor" -> a ^ b;
      default -> throw new InvalidInputException(op + " does not take integers");
    };
  }

  static Tensor where(Tensor condition, Tensor a, Tensor b) {
    long[] shape = Shapes.broadcast(condition.shape(), shape(a, b));
    if (shape == null) {
      throw new InvalidInputException("the condition does not broadcast to the values");
    }
    Tensor out = Tensor.allocate(a.dtype(), shape);
    Walk wc = new Walk(condition.shape(), shape);
    Walk wa = new Walk(a.shape(), shape);
    Walk wb = new Walk(b.shape(), shape);
    boolean floating = a.dtype().isFloat();
    for (long i = 0; i < out.elements(); i++) {
      boolean yes = condition.getLong(wc.next()) != 0;
      long ia = wa.next();
      long ib = wb.next();
      if (floating) {
        out.setDouble(i, yes ? a.getDouble(ia) : b.getDouble(ib));
      } else {
        out.setLong(i, yes ? a.getLong(ia) : b.getLong(ib));
      }
    }
    return out;
  }
}
