package io.github.morseengine.engine.backend.cuda;

import io.github.morseengine.engine.backend.plan.Dims;
import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.tensor.DType;
import java.util.ArrayList;
import java.util.List;

/**
 * The source of one kernel that computes a result element by element from strided views and
 * numbers. Sizes, strides and numbers are parameters, so that equal chains of operators share one
 * kernel whatever their shapes.
 */
final class PointwiseKernel {

  private static final String ENTRY = "pointwise";
  private static final long MOST_BLOCKS = 65535L * 8;

  /** Most dimensions after merging, so that parameters stay within what a launch takes. */
  private static final int MOST_DIMS = 8;

  /**
   * A value within the kernel.
   *
   * @param code a variable or an expression in parentheses
   * @param integer whether it is a 64-bit integer, else float
   */
  record Term(String code, boolean integer) {

    /** The value as float. */
    String real() {
      return integer ? "(float)" + code : code;
    }

    /** The value as 64-bit integer. */
    String whole() {
      return integer ? code : "to_integer(" + code + ")";
    }
  }

  private final View y;
  private final List<View> views = new ArrayList<>();
  private final List<Object> numbers = new ArrayList<>();
  private final List<String> statements = new ArrayList<>();
  private final StringBuilder label = new StringBuilder();
  private int operations;

  /**
   * Starts a kernel.
   *
   * @param y where the result goes
   */
  PointwiseKernel(View y) {
    this.y = y;
  }

  /** Reads a view that broadcasts to the result's shape. */
  Term load(View view) {
    View full = view.raise(y.rank()).expand(y.shape());
    int known = views.indexOf(full);
    int at = known >= 0 ? known : views.size();
    if (known < 0) {
      views.add(full);
    }
    return new Term("x" + at, !ElementTypes.computes(view.dtype()));
  }

  /** A number that is the same for all elements. */
  Term number(double value) {
    numbers.add((float) value);
    return new Term("s" + (numbers.size() - 1), false);
  }

  /** An integer that is the same for all elements. */
  Term integer(long value) {
    numbers.add(value);
    return new Term("s" + (numbers.size() - 1), true);
  }

  /** Names the result of an operation. */
  Term let(String expression, boolean integer) {
    String name = "t" + operations++;
    statements.add((integer ? "long long " : "float ") + name + " = " + expression + ";");
    return new Term(name, integer);
  }

  /** Adds to the name in reports. */
  void label(String operator) {
    label.append(label.isEmpty() ? "" : " ").append(operator);
  }

  /** The launch; null where the views move in too many ways for one. */
  KernelStep step(CudaProgram p, Term result) {
    List<long[]> dims = Dims.merged(y, views.toArray(View[]::new));
    if (dims.size() > MOST_DIMS) {
      return null;
    }
    String source = source(dims, result);
    KernelStep step = p.kernels.generated(ENTRY, source, "pointwise " + label);
    views.forEach(step::view);
    step.view(y);
    for (Object n : numbers) {
      if (n instanceof Float f) {
        step.f32(f);
      } else {
        step.i64((Long) n);
      }
    }
    step.i64(y.elements());
    for (int d = 1; d < dims.size(); d++) {
      step.i64(dims.get(d)[0]);
    }
    for (int k = 0; k <= views.size(); k++) {
      if (!isLine(dims)) {
        for (long[] dim : dims) {
          step.i64(dim[1 + k]);
        }
      }
    }
    return step.grid(Math.min(Math.ceilDiv(y.elements(), 256), MOST_BLOCKS));
  }

  /** Whether all operands are one packed line, or one element. */
  private static boolean isLine(List<long[]> dims) {
    boolean line = dims.size() == 1;
    for (int k = 1; line && k < dims.getFirst().length; k++) {
      line = dims.getFirst()[k] == 1 || k > 1 && dims.getFirst()[k] == 0;
    }
    return line;
  }

  private String source(List<long[]> dims, Term result) {
    boolean line = isLine(dims);
    int rank = dims.size();
    StringBuilder s = new StringBuilder("#include \"pointwise.cuh\"\n");
    s.append("extern \"C\" __global__ void __launch_bounds__(256) ").append(ENTRY).append("(");
    for (int k = 0; k < views.size(); k++) {
      s.append("const void* p").append(k).append(", ");
    }
    s.append("void* y");
    for (int i = 0; i < numbers.size(); i++) {
      s.append(numbers.get(i) instanceof Float ? ", float s" : ", long long s").append(i);
    }
    s.append(", long long n");
    for (int d = 1; d < rank; d++) {
      s.append(", long long d").append(d);
    }
    for (int k = 0; !line && k <= views.size(); k++) {
      for (int d = 0; d < rank; d++) {
        s.append(", long long ").append(stride(k, d));
      }
    }
    s.append(") {\n  for (long long i = global_thread(); i < n; i += global_threads()) {\n");
    if (!line) {
      s.append("    long long rest = i;\n");
      for (int d = rank - 1; d >= 1; d--) {
        s.append("    long long i" + d + " = rest % d" + d + ";\n    rest /= d" + d + ";\n");
      }
      s.append("    long long i0 = rest;\n");
    }
    for (int k = 0; k < views.size(); k++) {
      String type = ElementTypes.computes(views.get(k).dtype()) ? "float" : "long long";
      s.append("    " + type + " x" + k + " = load<" + code(views.get(k)) + ">(p" + k + ", ");
      s.append(line ? dims.getFirst()[2 + k] == 0 ? "0" : "i" : index(k + 1, rank)).append(");\n");
    }
    for (String statement : statements) {
      s.append("    ").append(statement).append("\n");
    }
    s.append("    store<" + code(y) + ">(y, " + (line ? "i" : index(0, rank)) + ", ");
    return s.append(result.code()).append(");\n  }\n}\n").toString();
  }

  private static int code(View v) {
    return ElementTypes.code(v.dtype());
  }

  private static String stride(int k, int d) {
    return (k == 0 ? "y" : "x" + (k - 1)) + "_" + d;
  }

  private static String index(int k, int rank) {
    StringBuilder s = new StringBuilder();
    for (int d = 0; d < rank; d++) {
      s.append(d == 0 ? "" : " + ").append("i" + d + " * " + stride(k, d));
    }
    return s.toString();
  }

  /** An expression cut to the width of an integer type, as stored values are. */
  static String cut(String expression, DType type) {
    return switch (type) {
      case INT32 -> "(long long)(int)(" + expression + ")";
      case INT8 -> "(long long)(signed char)(" + expression + ")";
      case UINT8 -> "(long long)(unsigned char)(" + expression + ")";
      case BOOL -> "(long long)((" + expression + ") != 0)";
      default -> expression;
    };
  }
}
