package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.ffi.onednn.Attributes;
import io.github.morseengine.engine.ffi.onednn.MemoryDesc;
import io.github.morseengine.engine.ffi.onednn.Primitive;
import io.github.morseengine.engine.ffi.onednn.Primitive.Arg;
import io.github.morseengine.engine.ffi.onednn.Primitives;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Shapes;

/** Softmax and layer normalisation by oneDNN. */
final class SoftmaxLowering {

  private SoftmaxLowering() {}

  static boolean softmax(Program p, Node node) {
    if (node.opset() < 13 && node.domain().isEmpty()) {
      return false;
    }
    View x = p.dense(p.get(node.input(0)));
    if (x.rank() == 0 || x.elements() == 0) {
      return false;
    }
    int axis = Shapes.axis(node.attributes().getInt("axis", -1), x.rank());
    View y = p.allocateDense(DType.FLOAT32, x.shape());
    p.put(node.output(0), y);
    return add(p, x, y, axis, "Softmax");
  }

  private static boolean add(Program p, View x, View y, int axis, String what) {
    DnnStep step = step(p, x, y, axis);
    if (step == null) {
      return false;
    }
    p.add(step, what, 5 * x.elements());
    return true;
  }

  /** A step that is not yet part of the program; null where oneDNN has no kernel. */
  static DnnStep step(Program p, View x, View y, int axis) {
    MemoryDesc xd = ConvLowering.desc(x);
    MemoryDesc yd = ConvLowering.desc(y);
    boolean alone = p.alone(10 * x.elements(), x);
    Primitive primitive;
    try (Attributes attributes = new Attributes()) {
      primitive = p.make(alone, () -> Primitives.softmax(p.engine, xd, yd, axis, attributes));
    }
    if (primitive == null) {
      ConvLowering.close(xd, yd);
      return null;
    }
    DnnStep step = new DnnStep(primitive, alone);
    step.with(Arg.SRC.code(), xd, x).with(Arg.DST.code(), yd, y);
    ConvLowering.scratch(p, step);
    return step;
  }

  static boolean layerNorm(Program p, Node node) {
    View x = p.dense(p.get(node.input(0)));
    int axis = Shapes.axis(node.attributes().getInt("axis", -1), x.rank());
    boolean plain =
        axis == x.rank() - 1
            && x.rank() > 1
            && x.rank() <= 5
            && x.elements() > 0
            && node.output(1) == null
            && node.output(2) == null
            && node.input(2) != null
            && node.input(1).rank() == 1
            && node.input(2).rank() == 1;
    if (!plain) {
      return false;
    }
    View y = p.allocateDense(DType.FLOAT32, x.shape());
    MemoryDesc xd = ConvLowering.desc(x);
    boolean alone = p.alone(8 * x.elements(), x, y);
    float epsilon = node.attributes().getFloat("epsilon", 1e-5f);
    Primitive primitive;
    try (Attributes attributes = new Attributes()) {
      primitive = p.make(alone, () -> Primitives.layerNorm(p.engine, xd, epsilon, attributes));
    }
    if (primitive == null) {
      xd.close();
      return false;
    }
    long[] one = {1};
    long[] width = {x.shape()[axis]};
    DnnStep step = new DnnStep(primitive, alone);
    step.with(Arg.SRC.code(), xd, x).with(Arg.DST.code(), ConvLowering.desc(y), y);
    step.with(
        Arg.SCALE.code(), MemoryDesc.strided(DType.FLOAT32, width, one), p.floatsOf(node.input(1)));
    step.with(
        Arg.SHIFT.code(), MemoryDesc.strided(DType.FLOAT32, width, one), p.floatsOf(node.input(2)));
    ConvLowering.scratch(p, step);
    p.add(step, "LayerNorm", 8 * x.elements());
    p.put(node.output(0), y);
    return true;
  }
}
