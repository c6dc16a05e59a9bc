package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.ffi.onednn.Attributes;
import io.github.morseengine.engine.ffi.onednn.Dnn;
import io.github.morseengine.engine.ffi.onednn.MemoryDesc;
import io.github.morseengine.engine.ffi.onednn.Primitive;
import io.github.morseengine.engine.ffi.onednn.Primitives;
import io.github.morseengine.engine.tensor.DType;

/** Copies between layouts by oneDNN, which is fast from the first run on. */
final class Reorder {

  /** Elements below which our own loop takes less time than a call. */
  private static final long SMALL = 256;

  private Reorder() {}

  /**
   * Adds a step that copies one view into another of the same shape.
   *
   * @return false where oneDNN has no kernel, or a plain loop is as fast
   */
  static boolean add(Program p, View from, View to, String what) {
    boolean fits =
        from.dtype() == DType.FLOAT32
            && to.elements() >= SMALL
            && !(from.isDense() && to.isDense())
            && spread(from)
            && spread(to);
    long[][] dims = fits ? Copy.dims(from, to) : null;
    if (!fits || dims[0].length > Dnn.MAX_DIMS || dims[0].length < 2) {
      return false;
    }
    View source = new View(from.slot(), from.offset(), from.dtype(), dims[0], dims[1]);
    View target = new View(to.slot(), to.offset(), to.dtype(), dims[0], dims[2]);
    boolean alone = p.alone(0, source, target);
    MemoryDesc sd = ConvLowering.desc(source);
    MemoryDesc td = ConvLowering.desc(target);
    Primitive primitive;
    try (Attributes attributes = new Attributes()) {
      primitive = p.make(alone, () -> Primitives.reorder(p.engine, sd, td, attributes));
    }
    if (primitive == null || primitive.isReference()) {
      ConvLowering.close(sd, td);
      if (primitive != null) {
        primitive.close();
      }
      return false;
    }
    DnnStep step = new DnnStep(primitive, alone);
    step.with(Primitive.Arg.SRC.code(), sd, source).with(Primitive.Arg.DST.code(), td, target);
    ConvLowering.scratch(p, step);
    p.addHelper(step, what);
    return true;
  }

  /** Whether no element of a view lies over another: oneDNN takes no repeated dimensions. */
  private static boolean spread(View v) {
    long reach = 1;
    Integer[] order = v.order();
    for (int i = order.length - 1; i >= 0; i--) {
      int d = order[i];
      if (v.shape()[d] != 1) {
        if (v.strides()[d] < reach) {
          return false;
        }
        reach = v.strides()[d] * v.shape()[d];
      }
    }
    return true;
  }
}
