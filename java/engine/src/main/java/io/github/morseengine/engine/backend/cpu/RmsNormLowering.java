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
import java.util.Arrays;

/** RMS normalisation by oneDNN, over rows in whatever order they lie in memory. */
final class RmsNormLowering {

  private RmsNormLowering() {}

  /** Adds a step; false where gamma is not one whole row, or oneDNN has no kernel. */
  static boolean lower(Program p, Node node) {
    View in = p.get(node.input(0));
    int axis = Shapes.axis(node.attributes().getInt("axis", -1), in.rank());
    long width = Shapes.elements(Arrays.copyOfRange(in.shape(), axis, in.rank()));
    if (in.elements() == 0 || node.input(1).elements() != width) {
      return false;
    }
    View x = wholeRows(in, axis) ? in : p.dense(in);
    View gamma = p.dense(p.get(node.input(1)));
    View y = p.allocate(DType.FLOAT32, x.shape(), x.strides());
    float epsilon = node.attributes().getFloat("epsilon", 1e-5f);
    MemoryDesc xd = rows(x, width);
    boolean alone = p.alone(8 * x.elements(), x, y);
    Primitive primitive;
    try (Attributes attributes = new Attributes()) {
      primitive = p.make(alone, () -> Primitives.rmsNorm(p.engine, xd, epsilon, attributes));
    }
    if (primitive == null) {
      xd.close();
      return false;
    }
    DnnStep step = new DnnStep(primitive, alone);
    step.with(Arg.SRC.code(), xd, x).with(Arg.DST.code(), rows(y, width), y);
    MemoryDesc scale = MemoryDesc.strided(DType.FLOAT32, new long[] {width}, new long[] {1});
    step.with(Arg.SCALE.code(), scale, gamma);
    ConvLowering.scratch(p, step);
    p.add(step, "RMSNorm", 4 * x.elements());
    p.put(node.output(0), y);
    return true;
  }

  private static MemoryDesc rows(View v, long width) {
    long[] shape = {v.elements() / width, width};
    return MemoryDesc.strided(DType.FLOAT32, shape, new long[] {width, 1});
  }

  /** Whether rows follow each other without gaps, in whatever order: heads before tokens, say. */
  private static boolean wholeRows(View v, int axis) {
    int last = v.rank() - 1;
    return axis == last && v.shape()[last] > 1 && v.strides()[last] == 1 && v.isPacked();
  }
}
