package io.github.morseengine.tests.ops;

import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.onnx.Onnx.NodeProto;
import io.github.morseengine.tests.support.Compare;
import io.github.morseengine.tests.support.ModelBuilder;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Operators that the CPU runs otherwise than the reference does, against it. */
class FastPathTest {

  @TempDir private Path folder;

  private Path write(ModelBuilder m) {
    return m.write(folder.resolve("model.onnx"));
  }

  private static ModelBuilder model(long... shape) {
    return new ModelBuilder().opset(20).input("x", DType.FLOAT32, shape).output("y");
  }

  private static Tensor random(long... shape) {
    return Tensor.ofFloats(ModelBuilder.random(5, (int) elements(shape)), shape);
  }

  /** Shorter than what threads share, and longer. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "LeakyRelu",
        "Selu",
        "Celu",
        "Atan",
        "Asinh",
        "Softsign",
        "Elu",
        "Softplus",
        "HardSigmoid",
        "HardSwish",
        "Mish",
        "Round",
        "Erf",
        "Tan",
        "Sign",
        "Floor",
        "Ceil",
        "Neg",
        "Abs",
        "Sin",
        "Exp"
      })
  void functionsOfOneNumber(String op) {
    for (long n : new long[] {7, 20_011}) {
      ModelBuilder m = model(n);
      m.node(op, "y", "x");
      Tensor x = random(n);
      for (long i = 0; i < n; i++) {
        x.setDouble(i, 3 * x.getDouble(i));
      }
      check(write(m), x, 1e-6, op + " of " + n);
    }
  }

  /** Exponents that are known, of numbers of either sign where a power is real. */
  @ParameterizedTest
  @CsvSource({"2,true", "3,true", "1,true", "-1,true", "-2,true", "0.5,false", "-0.5,false"})
  void powers(float exponent, boolean signed) {
    for (long n : new long[] {7, 20_011}) {
      ModelBuilder m = model(n).floats("e", new float[] {exponent});
      m.node("Pow", "y", "x", "e");
      Tensor x = random(n);
      for (long i = 0; i < n; i++) {
        double v = x.getDouble(i) + Math.copySign(0.1, x.getDouble(i));
        x.setDouble(i, signed ? v : Math.abs(v));
      }
      check(write(m), x, 1e-6, "x^" + exponent + " of " + n);
    }
  }

  /** Both bounds, one of them, and bounds that cross, where ONNX takes the upper one. */
  @ParameterizedTest
  @CsvSource({"-0.5,0.25,2", "-0.5,9,1"})
  void clips(float low, float high, int bounds) {
    ModelBuilder m =
        model(20_011).floats("low", new float[] {low}).floats("high", new float[] {high});
    m.node(
        "Clip", "y", bounds == 2 ? new String[] {"x", "low", "high"} : new String[] {"x", "low"});
    check(write(m), random(20_011), 0, "clip");
  }

  /** Windows of lines, planes and volumes: kernel; strides; pads; dilations; ceil_mode; padding. */
  @ParameterizedTest
  @CsvSource({
    "17,3,2,1,1,0,0",
    "17,3,2,1,1,1,0",
    "17,3,2,0,1,1,0",
    "17,3,1,1,2,0,0",
    "16,2,2,0,1,0,0",
    "17,3,2,1,1,0,1",
    "17,5,3,2,1,0,1",
    "18,4,4,0,1,1,0",
    "17,2,3,0,1,0,0"
  })
  void pools(int side, int k, int stride, int pad, int dilation, int ceil, int padding) {
    for (String op : new String[] {"AveragePool", "MaxPool"}) {
      for (int rank = 1; rank <= 3; rank++) {
        long[] shape = new long[rank + 2];
        shape[0] = 2;
        shape[1] = 19;
        for (int d = 0; d < rank; d++) {
          shape[d + 2] = side - d;
        }
        ModelBuilder m = model(shape);
        NodeProto.Builder n = m.node(op, "y", "x");
        n.addAttribute(ModelBuilder.ints("kernel_shape", each(rank, k)));
        n.addAttribute(ModelBuilder.ints("strides", each(rank, stride)));
        n.addAttribute(ModelBuilder.ints("pads", each(2 * rank, pad)));
        n.addAttribute(ModelBuilder.ints("dilations", each(rank, dilation)));
        n.addAttribute(ModelBuilder.integer("ceil_mode", ceil));
        if (op.equals("AveragePool")) {
          n.addAttribute(ModelBuilder.integer("count_include_pad", padding));
        }
        check(write(m), random(shape), 1e-6, op + " over " + rank);
      }
    }
  }

  private static long[] each(int count, long value) {
    long[] out = new long[count];
    Arrays.fill(out, value);
    return out;
  }

  /** More positions than a running sum in float32 is good for. */
  @ParameterizedTest
  @CsvSource({"2,19,5,7", "1,3,300,290"})
  void averagesOfWholeImages(long n, long c, long h, long w) {
    ModelBuilder m = model(n, c, h, w);
    m.node("GlobalAveragePool", "y", "x");
    check(write(m), random(n, c, h, w), 1e-6, "GlobalAveragePool");
  }

  /** Larger and smaller, with few and many channels. */
  @ParameterizedTest
  @CsvSource({
    "linear,half_pixel,20,26,0", "linear,align_corners,20,26,0", "linear,asymmetric,7,9,0",
    "linear,half_pixel,7,9,1", "cubic,half_pixel,20,26,0", "nearest,half_pixel,7,19,0",
    "cubic,half_pixel,5,31,1", "linear,half_pixel,20,13,0"
  })
  void resizes(String mode, String coordinates, int h, int w, int antialias) {
    for (long c : new long[] {3, 40}) {
      ModelBuilder m = model(2, c, 10, 13).longs("sizes", 2, c, h, w);
      NodeProto.Builder n = m.node("Resize", "y", "x", "", "", "sizes");
      n.addAttribute(ModelBuilder.text("mode", mode));
      n.addAttribute(ModelBuilder.text("coordinate_transformation_mode", coordinates));
      n.addAttribute(ModelBuilder.integer("antialias", antialias));
      check(write(m), random(2, c, 10, 13), 2e-6, mode + " of " + c);
    }
  }

  /** All that a Pad may add, on either side of some dimensions; what is cut off. */
  @ParameterizedTest
  @CsvSource({
    "constant,0,1,2,3,0,0,4,1", "constant,1,0,-2,3,0,-5,4,-1", "edge,0,1,2,3,1,0,4,1",
    "reflect,0,0,2,3,1,0,4,1", "wrap,1,1,2,3,0,0,4,1", "constant,0,0,-9,0,0,0,3,0"
  })
  void pads(String mode, long a, long b, long c, long d, long e, long f, long g, long h) {
    ModelBuilder m = model(2, 6, 9, 10).longs("pads", a, b, c, d, e, f, g, h);
    m.floats("value", new float[] {0.25f});
    m.node("Pad", "y", "x", "pads", "value").addAttribute(ModelBuilder.text("mode", mode));
    check(write(m), random(2, 6, 9, 10), 0, mode);
  }

  @ParameterizedTest
  @CsvSource({"1,1,1", "2,3,1", "1,1,4", "3,2,2"})
  void tiles(long a, long b, long c) {
    ModelBuilder m = model(5, 7, 11).longs("repeats", a, b, c);
    m.node("Tile", "y", "x", "repeats");
    check(write(m), random(5, 7, 11), 0, "tile");
  }

  /** A number per sample and channel against images whose channels are innermost. */
  @ParameterizedTest
  @ValueSource(strings = {"Add", "Sub", "Mul", "Div", "Max", "Min"})
  void broadcastsOverPositions(String op) {
    for (long n : new long[] {1, 3}) {
      for (int c : new int[] {19, 1500}) {
        float[] each = ModelBuilder.random(9, (int) n * c);
        for (int i = 0; i < each.length; i++) {
          each[i] += Math.copySign(0.5f, each[i]);
        }
        float[] identity = new float[c];
        Arrays.fill(identity, 1);
        ModelBuilder m = model(n, c, 9, 10).floats("w", identity, c, 1, 1, 1);
        m.node("Conv", "image", "x", "w").addAttribute(ModelBuilder.integer("group", c));
        m.floats("each", each, n, c, 1, 1).node(op, "y", "image", "each");
        check(write(m), random(n, c, 9, 10), 1e-6, op + " of " + c);
      }
    }
  }

  /**
   * Operands of the same shape, repeated rows, columns and a single number, floats and integers.
   */
  @ParameterizedTest
  @CsvSource({
    "Equal,FLOAT32",
    "Less,FLOAT32",
    "LessOrEqual,FLOAT32",
    "Greater,FLOAT32",
    "GreaterOrEqual,FLOAT32",
    "Equal,INT64",
    "Less,INT64",
    "LessOrEqual,INT64",
    "Greater,INT64",
    "GreaterOrEqual,INT64",
    "And,BOOL",
    "Or,BOOL",
    "Xor,BOOL",
    "Not,BOOL",
    "IsNaN,FLOAT32",
    "Where,FLOAT32",
    "Where,INT64",
    "Where,INT32",
    "Where,BOOL"
  })
  void logic(String op, DType type) {
    for (long[] shape : new long[][] {{3, 70, 90}, {70, 90}, {70, 1}, {1, 90}, {1}}) {
      ModelBuilder m = model(3, 70, 90).floats("zero", new float[] {0});
      long[] other = shape;
      m.node("Round", "r", "x");
      m.node("Mod", "nan", "r", "zero").addAttribute(ModelBuilder.integer("fmod", 1));
      m.floats("near", ModelBuilder.random(4, Math.toIntExact(elements(other))), other);
      m.node("Round", "n", "near");
      m.node("Cast", "a", "r").addAttribute(ModelBuilder.integer("to", type.onnxCode()));
      m.node("Cast", "b", "n").addAttribute(ModelBuilder.integer("to", type.onnxCode()));
      switch (op) {
        case "Not" -> m.node(op, "z", "a");
        case "IsNaN" -> m.node(op, "z", "nan");
        case "Where" -> {
          m.node("Greater", "c", "near", "zero");
          m.node(op, "z", "c", "a", "b");
        }
        default -> {
          m.node(op, "left", "a", "b");
          m.node(op, "right", "b", "a");
          m.node("Cast", "l", "left").addAttribute(ModelBuilder.integer("to", 1));
          m.node("Add", "twice", "l", "l");
          m.node("Cast", "r1", "right").addAttribute(ModelBuilder.integer("to", 1));
          m.node("Add", "z", "twice", "r1");
        }
      }
      m.node("Cast", "y", "z").addAttribute(ModelBuilder.integer("to", 1));
      Tensor x = random(3, 70, 90);
      for (long i = 0; i < x.elements(); i++) {
        x.setDouble(i, 2 * x.getDouble(i));
      }
      FastPaths.Results r = FastPaths.run(write(m), x, "Mod");
      Compare.close(r.expected(), r.actual(), 0, op + " " + Arrays.toString(other));
    }
  }

  /** A row that is read from its end on. */
  @ParameterizedTest
  @ValueSource(strings = {"Add", "Sub", "Where"})
  void reversedOperands(String op) {
    ModelBuilder m = model(3, 70, 90);
    m.longs("starts", 1, 2, -1).longs("ends", 2, 3, Long.MIN_VALUE).longs("axes", 0, 1, 2);
    m.longs("steps", 1, 1, -1).node("Slice", "row", "x", "starts", "ends", "axes", "steps");
    m.node("Less", "less", "x", "row");
    m.node(op, "y", op.equals("Where") ? new String[] {"less", "row", "x"} : two(op));
    check(write(m), random(3, 70, 90), 0, op);
  }

  private static String[] two(String op) {
    return op.equals("Add") ? new String[] {"x", "row"} : new String[] {"row", "x"};
  }

  private static long elements(long[] shape) {
    return Arrays.stream(shape).reduce(1, (a, b) -> a * b);
  }

  private static void check(Path file, Tensor x, double tolerance, String what) {
    FastPaths.Results r = FastPaths.run(file, x);
    Compare.close(r.expected(), r.actual(), tolerance, tolerance, what);
  }
}
