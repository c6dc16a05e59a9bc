package io.github.morseengine.engine.backend.cuda;

import io.github.morseengine.engine.backend.cuda.PointwiseKernel.Term;
import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.FusedOps;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.tensor.DType;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Element-wise operators as expressions of pointwise.cuh, with the meaning of the reference. */
final class PointwiseOps {

  /** Functions of one float, by operator. */
  private static final Map<String, String> FUNCTIONS =
      Map.ofEntries(
          Map.entry("Abs", "f_abs"),
          Map.entry("Ceil", "f_ceil"),
          Map.entry("Cos", "f_cos"),
          Map.entry("Erf", "f_erf"),
          Map.entry("Exp", "f_exp"),
          Map.entry("Floor", "f_floor"),
          Map.entry("HardSwish", "f_hard_swish"),
          Map.entry("Log", "f_log"),
          Map.entry("Mish", "f_mish"),
          Map.entry("Neg", "f_neg"),
          Map.entry("Reciprocal", "f_reciprocal"),
          Map.entry("Relu", "f_relu"),
          Map.entry("Round", "f_round"),
          Map.entry("Sigmoid", "f_sigmoid"),
          Map.entry("Sign", "f_sign"),
          Map.entry("Silu", "f_silu"),
          Map.entry("Sin", "f_sin"),
          Map.entry("Softplus", "f_softplus"),
          Map.entry("Sqrt", "f_sqrt"),
          Map.entry("Tan", "f_tan"),
          Map.entry("Tanh", "f_tanh"));

  private static final Map<String, String> COMPARISONS =
      Map.of(
          "Equal", "==", "Less", "<", "LessOrEqual", "<=", "Greater", ">", "GreaterOrEqual", ">=");

  private static final Map<String, String> LOGICAL = Map.of("And", "&", "Or", "|", "Xor", "^");

  private static final Set<String> ARITHMETIC =
      Set.of("Add", "Sub", "Mul", "Div", "Pow", "Mod", "Max", "Min", "Sum", "Mean");

  private static final Set<String> OTHERS =
      Set.of(
          "Cast",
          "Clip",
          "Elu",
          "Gelu",
          "HardSigmoid",
          "IsInf",
          "IsNaN",
          "LeakyRelu",
          "Not",
          "Swish",
          "Where");

  private static final String INFINITY = "__uint_as_float(0x7f800000u)";
  private static final String[] EXPRESSION = {" + ", " - ", " * ", " / "};

  private PointwiseOps() {}

  /** Whether a node is element-wise and all its types are known to kernels. */
  static boolean supports(Node node) {
    boolean known =
        node.domain().equals(FusedOps.DOMAIN)
            ? node.opType().equals(FusedOps.EXPRESSION) || node.opType().equals(FusedOps.SILU)
            : node.domain().isEmpty()
                && (FUNCTIONS.containsKey(node.opType())
                    || COMPARISONS.containsKey(node.opType())
                    || LOGICAL.containsKey(node.opType())
                    || ARITHMETIC.contains(node.opType())
                    || OTHERS.contains(node.opType()));
    if (!known || !hasType(node.output(0).dtype())) {
      return false;
    }
    for (Value in : node.inputs()) {
      if (in != null && !hasType(in.dtype())) {
        return false;
      }
    }
    boolean real = node.input(0).dtype().isFloat();
    return real || integers(node.opType());
  }

  private static boolean hasType(DType type) {
    return ElementTypes.code(type) >= 0 && type != DType.FLOAT64;
  }

  /** Operators that take integers; the others are functions of reals. */
  private static boolean integers(String op) {
    return COMPARISONS.containsKey(op)
        || LOGICAL.containsKey(op)
        || ARITHMETIC.contains(op) && !op.equals("Mean")
        || Set.of("Cast", "Where", "Not", "Neg", "Abs", "Sign", "Clip").contains(op);
  }

  /**
   * Adds a node's operation to a kernel.
   *
   * @param k the kernel
   * @param node the operator
   * @param in its inputs; null where absent
   * @return the result
   */
  static Term apply(PointwiseKernel k, Node node, List<Term> in) {
    String op = node.opType();
    k.label(op);
    DType type = node.output(0).dtype();
    if (node.isFused(FusedOps.EXPRESSION)) {
      return expression(k, node, in);
    }
    if (ARITHMETIC.contains(op)) {
      return arithmetic(k, node, in);
    }
    Term x = in.getFirst();
    if (COMPARISONS.containsKey(op) || LOGICAL.containsKey(op)) {
      return compare(k, node, x, in.get(1));
    }
    return switch (op) {
      case "Where" -> {
        Term a = in.get(1);
        Term b = in.get(2);
        yield k.let("(" + x.code() + ") != 0 ? " + a.code() + " : " + b.code(), a.integer());
      }
      case "Cast" -> cast(k, x, type);
      case "Clip" -> clip(k, node, in);
      case "Not" -> k.let("(long long)(" + x.code() + " == 0)", true);
      case "IsNaN" -> k.let("(long long)(" + x.code() + " != " + x.code() + ")", true);
      case "IsInf" -> k.let("(long long)(f_abs(" + x.code() + ") == " + INFINITY + ")", true);
      default -> x.integer() ? integer(k, op, x, type) : real(k, node, x);
    };
  }

  private static Term cast(PointwiseKernel k, Term x, DType type) {
    if (type.isFloat()) {
      return x.integer() ? k.let(x.real(), false) : x;
    }
    if (type == DType.BOOL) {
      return k.let("(long long)(" + x.code() + " != 0)", true);
    }
    return k.let(PointwiseKernel.cut(x.whole(), type), true);
  }

  private static Term integer(PointwiseKernel k, String op, Term x, DType type) {
    String e =
        switch (op) {
          case "Neg" -> "-" + x.code();
          case "Abs" -> "i_abs(" + x.code() + ")";
          default -> "i_sign(" + x.code() + ")";
        };
    return k.let(PointwiseKernel.cut(e, type), true);
  }

  private static Term real(PointwiseKernel k, Node node, Term x) {
    Attributes a = node.attributes();
    String v = x.code();
    String e =
        switch (node.opType()) {
          case "Gelu" ->
              (a.getString("approximate", "none").equals("tanh") ? "f_gelu_tanh(" : "f_gelu(")
                  + v
                  + ")";
          case "Elu" -> "f_elu(" + v + ", " + number(k, a, "alpha", 1) + ")";
          case "LeakyRelu" -> "f_leaky_relu(" + v + ", " + number(k, a, "alpha", 0.01f) + ")";
          case "Swish" -> "f_swish(" + v + ", " + number(k, a, "alpha", 1) + ")";
          case "HardSigmoid" -> {
            String alpha = number(k, a, "alpha", 0.2f);
            yield "f_hard_sigmoid(" + v + ", " + alpha + ", " + number(k, a, "beta", 0.5f) + ")";
          }
          default -> FUNCTIONS.get(node.opType()) + "(" + v + ")";
        };
    return k.let(e, false);
  }

  private static String number(PointwiseKernel k, Attributes a, String name, float otherwise) {
    return k.number(a.getFloat(name, otherwise)).code();
  }

  private static Term clip(PointwiseKernel k, Node node, List<Term> in) {
    Attributes a = node.attributes();
    Term x = in.getFirst();
    Term low = in.size() > 1 ? in.get(1) : null;
    Term high = in.size() > 2 ? in.get(2) : null;
    if (low == null && a.has("min")) {
      low = k.number(a.getFloat("min", 0));
    }
    if (high == null && a.has("max")) {
      high = k.number(a.getFloat("max", 0));
    }
    String prefix = x.integer() ? "i_" : "f_";
    Term out = x;
    if (low != null) {
      String bound = x.integer() ? low.whole() : low.real();
      out = k.let(prefix + "max(" + bound + ", " + out.code() + ")", x.integer());
    }
    if (high != null) {
      String bound = x.integer() ? high.whole() : high.real();
      out = k.let(prefix + "min(" + bound + ", " + out.code() + ")", x.integer());
    }
    return out;
  }

  private static Term compare(PointwiseKernel k, Node node, Term a, Term b) {
    String op = node.opType();
    String sign = LOGICAL.containsKey(op) ? LOGICAL.get(op) : COMPARISONS.get(op);
    boolean whole = a.integer() && b.integer();
    String left = whole ? a.code() : a.real();
    String right = whole ? b.code() : b.real();
    return k.let("(long long)(" + left + " " + sign + " " + right + ")", true);
  }

  private static Term expression(PointwiseKernel k, Node node, List<Term> in) {
    long[] program = node.attributes().getInts("program");
    List<Term> all = new java.util.ArrayList<>(in);
    for (int i = 0; i < program.length; i += 3) {
      String a = all.get((int) program[i + 1]).real();
      String b = all.get((int) program[i + 2]).real();
      all.add(k.let(a + EXPRESSION[(int) program[i]] + b, false));
    }
    return all.getLast();
  }

  private static Term arithmetic(PointwiseKernel k, Node node, List<Term> in) {
    String op = node.opType();
    DType type = node.output(0).dtype();
    boolean real = type.isFloat() || op.equals("Pow") && node.input(1).dtype().isFloat();
    boolean fmod = node.attributes().getInt("fmod", 0) == 1;
    Term acc = in.getFirst();
    for (Term next : in.subList(1, in.size())) {
      if (real) {
        acc = k.let(real(op, acc.real(), next.real(), fmod), false);
        // A power of an integer by a real exponent is an integer again.
        acc = type.isFloat() ? acc : k.let(PointwiseKernel.cut(acc.whole(), type), true);
      } else {
        acc = k.let(PointwiseKernel.cut(whole(op, acc.code(), next.code(), fmod), type), true);
      }
    }
    return op.equals("Mean") && in.size() > 1
        ? k.let(acc.code() + " / " + k.number(in.size()).code(), false)
        : acc;
  }

  private static String real(String op, String a, String b, boolean fmod) {
    return switch (op) {
      case "Add", "Sum", "Mean" -> a + " + " + b;
      case "Sub" -> a + " - " + b;
      case "Mul" -> a + " * " + b;
      case "Div" -> a + " / " + b;
      case "Pow" -> "f_pow(" + a + ", " + b + ")";
      case "Mod" -> (fmod ? "f_fmod(" : "f_mod(") + a + ", " + b + ")";
      case "Max" -> "f_max(" + a + ", " + b + ")";
      default -> "f_min(" + a + ", " + b + ")";
    };
  }

  private static String whole(String op, String a, String b, boolean fmod) {
    return switch (op) {
      case "Add", "Sum" -> a + " + " + b;
      case "Sub" -> a + " - " + b;
      case "Mul" -> a + " * " + b;
      case "Div" -> "i_div(" + a + ", " + b + ")";
      case "Pow" -> "i_pow(" + a + ", " + b + ")";
      case "Mod" -> (fmod ? "i_fmod(" : "i_mod(") + a + ", " + b + ")";
      case "Max" -> "i_max(" + a + ", " + b + ")";
      default -> "i_min(" + a + ", " + b + ")";
    };
  }
}
