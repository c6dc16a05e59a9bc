package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.ffi.onednn.Attributes;
import io.github.morseengine.engine.ffi.onednn.Dnn;
import io.github.morseengine.engine.ffi.onednn.MemoryDesc;
import io.github.morseengine.engine.ffi.onednn.Primitive;
import io.github.morseengine.engine.ffi.onednn.Primitive.Arg;
import io.github.morseengine.engine.ffi.onednn.Primitives;
import io.github.morseengine.engine.ir.Flops;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.tensor.DType;

/** Products of two activations. */
final class MatMulLowering {

  private MatMulLowering() {}

  static boolean matmul(Program p, Node node) {
    View a = p.get(node.input(0));
    View b = p.get(node.input(1));
    View y = p.allocateDense(DType.FLOAT32, node.output(0).shape());
    if (a.rank() < 2 || b.rank() < 2 || y.rank() >= Dnn.MAX_DIMS || y.elements() == 0) {
      return false;
    }
    if (a.shape()[a.rank() - 1] == 0) {
      return false;
    }
    int rank = y.rank();
    boolean done = product(p, matrix(p, a).raise(rank), matrix(p, b).raise(rank), y, node);
    p.put(node.output(0), y);
    return done;
  }

  /** A view that oneDNN takes as a plain matrix: one of the last two dimensions contiguous. */
  static View matrix(Program p, View v) {
    int r = v.rank();
    long rows = v.shape()[r - 2];
    long cols = v.shape()[r - 1];
    long sr = rows == 1 ? Math.max(cols, 1) : v.strides()[r - 2];
    long sc = cols == 1 ? 1 : v.strides()[r - 1];
    boolean rowMajor = sc == 1 && sr >= cols;
    boolean columnMajor = sr == 1 && sc >= rows;
    boolean positive = true;
    for (int d = 0; d < r - 2; d++) {
      positive &= v.shape()[d] == 1 || v.strides()[d] > 0;
    }
    if (!positive || !rowMajor && !columnMajor) {
      return p.dense(v);
    }
    long[] strides = v.strides().clone();
    strides[r - 2] = rows == 1 && rowMajor ? cols : sr;
    strides[r - 1] = sc;
    // oneDNN reads the order of dimensions off the strides: those of size 1 must not mislead it.
    long span = 1;
    for (int d = 0; d < r; d++) {
      span = Math.max(span, v.shape()[d] * strides[d]);
    }
    for (int d = 0; d < r - 2; d++) {
      strides[d] = v.shape()[d] == 1 ? span : strides[d];
    }
    return new View(v.slot(), v.offset(), v.dtype(), v.shape(), strides);
  }

  private static boolean product(Program p, View a, View b, View y, Node node) {
    long flops = Flops.of(node);
    DnnStep step = product(p, a, b, y, null, 1, p.alone(flops, a, b, y));
    if (step == null) {
      return false;
    }
    p.add(step, "MatMul", flops);
    return true;
  }

  /**
   * A product y = scale a b + mask.
   *
   * @param a [..,M,K], see {@link #matrix}
   * @param b [..,K,N], see {@link #matrix}
   * @param y [..,M,N]
   * @param mask broadcast to y; null for none
   * @param alone whether one thread is to do it
   * @return a step that is not yet part of the program; null where oneDNN has no kernel
   */
  static DnnStep product(Program p, View a, View b, View y, View mask, float scale, boolean alone) {
    if (a.shape()[a.rank() - 1] == 1) {
      // With an inner dimension of 1 oneDNN takes the batches for dense, whatever their strides.
      a = p.dense(a);
      b = p.dense(b);
    }
    MemoryDesc ad = ConvLowering.desc(a);
    MemoryDesc bd = ConvLowering.desc(b);
    MemoryDesc yd = ConvLowering.desc(y);
    MemoryDesc md = mask == null ? null : ConvLowering.desc(mask);
    Primitive primitive;
    int maskArg = 0;
    try (Attributes attributes = new Attributes()) {
      if (scale != 1) {
        attributes.eltwise(Attributes.Eltwise.LINEAR, scale, 0);
      }
      if (md != null) {
        maskArg = attributes.add(md);
      }
      primitive = p.make(alone, () -> Primitives.matmul(p.engine, ad, bd, null, yd, attributes));
    }
    if (primitive == null) {
      ConvLowering.close(ad, bd, yd, md);
      return null;
    }
    DnnStep step = new DnnStep(primitive, alone);
    step.with(Arg.SRC.code(), ad, a).with(Arg.WEIGHTS.code(), bd, b).with(Arg.DST.code(), yd, y);
    if (md != null) {
      step.with(maskArg, md, mask);
    }
    ConvLowering.scratch(p, step);
    return step;
  }
}
