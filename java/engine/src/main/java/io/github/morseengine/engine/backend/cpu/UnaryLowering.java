package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.backend.reference.ReferenceOps;
import io.github.morseengine.engine.ffi.onednn.Attributes;
import io.github.morseengine.engine.ffi.onednn.Attributes.Eltwise;
import io.github.morseengine.engine.ffi.onednn.MemoryDesc;
import io.github.morseengine.engine.ffi.onednn.Primitive;
import io.github.morseengine.engine.ffi.onednn.Primitive.Arg;
import io.github.morseengine.engine.ffi.onednn.Primitives;
import io.github.morseengine.engine.ir.FusedOps;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.tensor.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.function.DoubleUnaryOperator;

/**
 * Functions of one float32 input: oneDNN's, else a loop of our own over all threads. Not oneDNN's
 * softplus, which is off by a tenth below -10, nor its logarithm, whose error becomes a phase where
 * a network embeds the logarithm of sigma.
 */
final class UnaryLowering {

  /** What a function such as the exponential counts as. */
  private static final long FUNCTION_FLOPS = 16;

  /** Elements from which on a loop of our own is shared among the threads. */
  private static final long PARALLEL_FROM = 8192;

  private UnaryLowering() {}

  /**
   * A function as oneDNN has it.
   *
   * @param f kind
   * @param alpha first parameter
   * @param beta second parameter
   */
  record Function(Eltwise f, float alpha, float beta) {

    Function(Eltwise f) {
      this(f, 0, 0);
    }
  }

  /** Adds a step; false where there is no fast path. */
  static boolean lower(Program p, Node node) {
    View x = p.get(node.input(0));
    if (x.dtype() != DType.FLOAT32 || x.elements() == 0) {
      return false;
    }
    Function f = function(node);
    if (f != null && add(p, node, f)) {
      return true;
    }
    DoubleUnaryOperator plain = ReferenceOps.function(node);
    if (plain == null) {
      return false;
    }
    View from = p.packed(x);
    View to = p.allocate(DType.FLOAT32, from.shape(), from.strides());
    p.add(new JavaStep(node.opType(), List.of(from, to), b -> loop(b, from, to, plain)));
    p.put(node.output(0), to);
    return true;
  }

  private static boolean add(Program p, Node node, Function f) {
    View x = p.packed(p.get(node.input(0)));
    View y = p.allocate(DType.FLOAT32, x.shape(), x.strides());
    // Packed memory is one line of elements, whatever the logical order.
    View from = new View(x.slot(), x.offset(), DType.FLOAT32, line(x), new long[] {1});
    View to = new View(y.slot(), 0, DType.FLOAT32, line(x), new long[] {1});
    MemoryDesc desc = ConvLowering.desc(from);
    boolean alone = p.alone(FUNCTION_FLOPS * x.elements(), from, to);
    Primitive primitive;
    try (Attributes attributes = new Attributes()) {
      primitive =
          p.make(
              alone,
              () -> Primitives.eltwise(p.engine, f.f(), f.alpha(), f.beta(), desc, attributes));
    }
    if (primitive == null) {
      desc.close();
      return false;
    }
    DnnStep step = new DnnStep(primitive, alone);
    step.with(Arg.SRC.code(), desc, from);
    step.with(Arg.DST.code(), ConvLowering.desc(to), to);
    p.add(step);
    p.put(node.output(0), y);
    return true;
  }

  private static long[] line(View v) {
    return new long[] {v.elements()};
  }

  /** The function of an operator; null where oneDNN has none, or none that is exact enough. */
  static Function function(Node node) {
    if (node.isFused(FusedOps.SILU)) {
      return new Function(Eltwise.SWISH, 1, 0);
    }
    return switch (node.opType()) {
      case "Swish" -> new Function(Eltwise.SWISH, attribute(node, "alpha", 1), 0);
      case "Sigmoid" -> new Function(Eltwise.LOGISTIC);
      case "Tanh" -> new Function(Eltwise.TANH);
      case "Relu" -> new Function(Eltwise.RELU);
      case "LeakyRelu" -> new Function(Eltwise.RELU, attribute(node, "alpha", 0.01f), 0);
      case "Elu" -> new Function(Eltwise.ELU, attribute(node, "alpha", 1), 0);
      case "HardSigmoid" ->
          new Function(
              Eltwise.HARD_SIGMOID, attribute(node, "alpha", 0.2f), attribute(node, "beta", 0.5f));
      case "HardSwish" -> new Function(Eltwise.HARD_SWISH, 1 / 6f, 0.5f);
      case "Mish" -> new Function(Eltwise.MISH);
      case "Round" -> new Function(Eltwise.ROUND);
      case "Exp" -> new Function(Eltwise.EXP);
      case "Sqrt" -> new Function(Eltwise.SQRT);
      case "Abs" -> new Function(Eltwise.ABS);
      case "Neg" -> new Function(Eltwise.LINEAR, -1, 0);
      case "Gelu" ->
          new Function(
              node.attributes().getString("approximate", "none").equals("tanh")
                  ? Eltwise.GELU_TANH
                  : Eltwise.GELU_ERF);
      case "Pow" -> power(node);
      case "Clip" -> clip(node);
      default -> null;
    };
  }

  private static float attribute(Node node, String name, float otherwise) {
    return node.attributes().getFloat(name, otherwise);
  }

  /** Powers with one known exponent, as oneDNN has them fast; null for any other. */
  private static Function power(Node node) {
    Float exponent = number(node.input(1));
    if (exponent == null || node.input(1).rank() > node.input(0).rank()) {
      return null;
    }
    if (exponent == 2) {
      return new Function(Eltwise.SQUARE);
    }
    return new Function(Eltwise.POW, 1, exponent);
  }

  private static Function clip(Node node) {
    float low = attribute(node, "min", Float.NEGATIVE_INFINITY);
    float high = attribute(node, "max", Float.POSITIVE_INFINITY);
    for (int i = 1; i <= 2; i++) {
      Value bound = node.input(i);
      Float given = bound == null ? null : number(bound);
      if (bound != null && given == null) {
        return null;
      }
      low = i == 1 && given != null ? given : low;
      high = i == 2 && given != null ? given : high;
    }
    // Of bounds that cross ONNX takes the upper one, oneDNN none.
    return low <= high ? new Function(Eltwise.CLIP, low, high) : null;
  }

  /** The one element of a constant of any type; null for what is none. */
  private static Float number(Value v) {
    return v.isConstant() && v.elements() == 1
        ? (float) v.constant().materialize(Arena.ofAuto()).getDouble(0)
        : null;
  }

  private static Step.Bound loop(Binding b, View from, View to, DoubleUnaryOperator f) {
    MemorySegment x = b.of(from);
    MemorySegment y = b.of(to);
    long all = from.elements();
    if (all < PARALLEL_FROM) {
      return () -> loop(x, y, 0, all, f);
    }
    return () -> b.team().parallel((t, n) -> loop(x, y, all * t / n, all * (t + 1) / n, f));
  }

  private static void loop(
      MemorySegment x, MemorySegment y, long from, long to, DoubleUnaryOperator f) {
    for (long i = from; i < to; i++) {
      float v = x.getAtIndex(ValueLayout.JAVA_FLOAT, i);
      y.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) f.applyAsDouble(v));
    }
  }
}
