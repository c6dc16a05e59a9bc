package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.ffi.onednn.Attributes;
import io.github.morseengine.engine.ffi.onednn.Dnn;
import io.github.morseengine.engine.ffi.onednn.MemoryDesc;
import io.github.morseengine.engine.ffi.onednn.Primitive;
import io.github.morseengine.engine.ffi.onednn.Primitive.Arg;
import io.github.morseengine.engine.ffi.onednn.Primitives;
import io.github.morseengine.engine.ffi.onednn.Primitives.BinaryKind;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Shapes;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/** Element-wise operators of two inputs on float32. */
final class ElementwiseLowering {

  /** Below this many elements a call of oneDNN takes longer than the loop. */
  private static final long SMALL = 2048;

  private ElementwiseLowering() {}

  /** Operators of two inputs with broadcasting; false where there is no fast path. */
  static boolean binary(Program p, Node node) {
    BinaryKind kind =
        switch (node.opType()) {
          case "Add" -> BinaryKind.ADD;
          case "Sub" -> BinaryKind.SUB;
          case "Mul" -> BinaryKind.MUL;
          case "Div" -> BinaryKind.DIV;
          case "Max" -> BinaryKind.MAX;
          case "Min" -> BinaryKind.MIN;
          default -> null;
        };
    if (kind == null || node.inputs().size() != 2) {
      return false;
    }
    View a = p.get(node.input(0));
    View b = p.get(node.input(1));
    long[] shape = Shapes.broadcast(a.shape(), b.shape());
    boolean fits =
        a.dtype() == DType.FLOAT32
            && b.dtype() == DType.FLOAT32
            && shape.length < Dnn.MAX_DIMS
            && Shapes.elements(shape) > 0;
    if (!fits) {
      return false;
    }
    boolean commutes = kind == BinaryKind.ADD || kind == BinaryKind.MUL;
    if (commutes && a.elements() < b.elements()) {
      View swap = a;
      a = b;
      b = swap;
    }
    if (a.elements() != Shapes.elements(shape)) {
      a = p.dense(a.raise(shape.length).expand(shape));
    }
    a = p.packed(a.raise(shape.length));
    b = (b.isReversed() ? p.dense(b) : b).raise(shape.length);
    if (shape.length == 0) {
      a = a.reshape(new long[] {1});
      b = b.reshape(new long[] {1});
    }
    if (b.elements() == a.elements() && a.elements() >= SMALL) {
      b = p.as(b, a.strides());
    }
    View y = p.allocate(DType.FLOAT32, a.shape(), a.strides());
    boolean alone = p.alone(0, a, b, y);
    Primitive primitive = binary(p, kind, a, b, y, alone);
    if (primitive == null) {
      p.add(BroadcastKernel.step(kind, a, b.expand(a.shape()), y));
    } else {
      p.add(step(p, primitive, alone, a, b, y));
    }
    p.put(node.output(0), shape.length == 0 ? y.reshape(shape) : y);
    return true;
  }

  /**
   * Adds a step y = a op b by oneDNN.
   *
   * @param a packed
   * @param b of the same layout, or packed with dimensions of 1 that are repeated
   * @param y of a's layout
   * @return false where a loop of our own is faster
   */
  static boolean binary(Program p, BinaryKind kind, View a, View b, View y, String what) {
    boolean alone = p.alone(0, a, b, y);
    Primitive primitive = binary(p, kind, a, b, y, alone);
    if (primitive == null) {
      return false;
    }
    p.addHelper(step(p, primitive, alone, a, b, y), what);
    return true;
  }

  private static DnnStep step(
      Program p, Primitive primitive, boolean alone, View a, View b, View y) {
    DnnStep step = new DnnStep(primitive, alone);
    step.with(Arg.SRC.code(), ConvLowering.desc(a), a);
    step.with(Arg.SRC_1.code(), ConvLowering.desc(b), b);
    step.with(Arg.DST.code(), ConvLowering.desc(y), y);
    ConvLowering.scratch(p, step);
    return step;
  }

  /**
   * oneDNN's kernel, for a second operand of the same layout or one that is repeated; null where it
   * has only its reference.
   */
  private static Primitive binary(
      Program p, BinaryKind kind, View a, View b, View y, boolean alone) {
    if (a.elements() < SMALL || b.elements() != a.elements() && !b.isPacked()) {
      return null;
    }
    try (Attributes attributes = new Attributes();
        MemoryDesc ad = ConvLowering.desc(a);
        MemoryDesc bd = ConvLowering.desc(b);
        MemoryDesc yd = ConvLowering.desc(y)) {
      Primitive found =
          p.make(alone, () -> Primitives.binary(p.engine, kind, ad, bd, yd, attributes));
      if (found != null && found.isReference()) {
        found.close();
        return null;
      }
      return found;
    }
  }

  /** y = a * gelu(b) over the halves of the last dimension. */
  static boolean geglu(Program p, Node node) {
    View x = p.dense(p.get(node.input(0)));
    if (x.dtype() != DType.FLOAT32
        || node.attributes().getString("approximate", "none").equals("tanh")) {
      return false;
    }
    long[] shape = node.output(0).shape();
    long c = shape[shape.length - 1];
    View y = p.allocateDense(DType.FLOAT32, shape);
    p.put(node.output(0), y);
    p.add(new JavaStep("GEGLU", List.of(x, y), b -> gegluLoop(b, x, y, c)));
    return true;
  }

  private static Step.Bound gegluLoop(Binding b, View from, View to, long c) {
    MemorySegment x = b.of(from);
    MemorySegment y = b.of(to);
    long rows = to.elements() / Math.max(1, c);
    int width = Math.toIntExact(c);
    float[][] buffers = new float[b.team().threads()][2 * width];
    return () ->
        b.team()
            .parallel(
                (t, n) -> {
                  float[] row = buffers[t];
                  for (long r = rows * t / n; r < rows * (t + 1) / n; r++) {
                    MemorySegment.copy(x, ValueLayout.JAVA_FLOAT, 8 * r * c, row, 0, 2 * width);
                    geglu(row, width);
                    MemorySegment.copy(row, 0, y, ValueLayout.JAVA_FLOAT, 4 * r * c, width);
                  }
                });
  }

  private static void geglu(float[] row, int width) {
    for (int i = 0; i < width; i++) {
      row[i] *= gelu(row[width + i]);
    }
  }

  /**
   * GELU with the error function as a quotient of polynomials (minimax on [-4, 4], as in Eigen): no
   * branch and no call, so that loops are vectorised. Absolute error below 3e-7 max(1, |v|).
   */
  static float gelu(float v) {
    float z = Math.max(-4f, Math.min(4f, v * 0.70710678f));
    float s = z * z;
    float p = -2.72614225801306e-10f;
    p = p * s + 2.77068142495902e-08f;
    p = p * s + -2.10102402082508e-06f;
    p = p * s + -5.69250639462346e-05f;
    p = p * s + -7.34990630326855e-04f;
    p = p * s + -2.95459980854025e-03f;
    p = p * s + -1.60960333262415e-02f;
    float q = -1.45660718464996e-05f;
    q = q * s + -2.13374055278905e-04f;
    q = q * s + -1.68282697438203e-03f;
    q = q * s + -7.37332916720468e-03f;
    q = q * s + -1.42647390514189e-02f;
    return 0.5f * v * (1 + z * p / q);
  }
}
