package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.ffi.onednn.Attributes;
import io.github.morseengine.engine.ffi.onednn.MemoryDesc;
import io.github.morseengine.engine.ffi.onednn.Primitive;
import io.github.morseengine.engine.ffi.onednn.Primitive.Arg;
import io.github.morseengine.engine.ffi.onednn.Primitives;
import io.github.morseengine.engine.ffi.onednn.Primitives.BinaryKind;
import io.github.morseengine.engine.ir.Constant;
import io.github.morseengine.engine.ir.Flops;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Shapes;
import java.util.function.Function;

/**
 * Linear layers: a product with constant weights, bias, residual and activation in the epilogue.
 */
final class LinearLowering {

  private LinearLowering() {}

  static boolean lower(Program p, Node node) {
    Value weight = node.input(1);
    if (!weight.isConstant() || weight.rank() != 2 || weight.elements() == 0) {
      return false;
    }
    long[] shape = node.output(0).shape();
    long k = weight.shape()[0];
    long n = weight.shape()[1];
    long m = Shapes.elements(shape) / Math.max(1, n);
    if (m == 0) {
      return false;
    }
    View x = p.operand(rows(p, p.get(node.input(0)), m, k));
    View y = p.allocateDense(DType.FLOAT32, shape);
    View y2 = y.reshape(new long[] {m, n});
    Value residual = node.input(3);
    View r = residual == null ? null : rows(p, p.get(residual), m, n);
    Constant w = weight.constant().cast(p.products);
    View bias = node.input(2) == null ? null : p.floatsOf(node.input(2));
    if (m == 1 && r != null) {
      // With one row a residual is a bias, and oneDNN is fast with nothing else.
      bias = bias == null ? p.dense(r) : sum(p, bias, r);
      r = null;
    }
    String activation = node.attributes().getString("activation", "none");
    // A weight that another plan multiplies as a matrix stays one, so that it is held once.
    boolean free = p.knownLayouts(w, 2).isEmpty();
    if (m == 1 && free && vector(p, node, x, y, bias, activation)) {
      return true;
    }
    MemoryDesc xd = ConvLowering.desc(x);
    MemoryDesc yd = ConvLowering.desc(y2);
    MemoryDesc bd =
        bias == null
            ? null
            : MemoryDesc.strided(DType.FLOAT32, new long[] {1, n}, new long[] {n, 1});
    MemoryDesc rd = r == null ? null : ConvLowering.desc(r);
    boolean alone = p.alone(2 * m * n * k, 4 * (w.elements() + m * k + m * n));
    Primitive primitive;
    int residualArg = 0;
    try (Attributes attributes = new Attributes();
        MemoryDesc any = MemoryDesc.any(p.products, k, n)) {
      if (rd != null) {
        residualArg = attributes.add(rd);
      }
      switch (activation) {
        case "silu" -> attributes.eltwise(Attributes.Eltwise.SWISH, 1, 0);
        case "gelu" -> attributes.eltwise(Attributes.Eltwise.GELU_ERF, 0, 0);
        case "gelu_tanh" -> attributes.eltwise(Attributes.Eltwise.GELU_TANH, 0, 0);
        default -> {}
      }
      Function<MemoryDesc, Primitive> maker =
          layout ->
              p.make(alone, () -> Primitives.matmul(p.engine, xd, layout, bd, yd, attributes));
      Primitive known = p.choose(w, 2, maker);
      primitive = known != null ? known : maker.apply(any);
    }
    if (primitive == null) {
      ConvLowering.close(xd, yd, bd, rd);
      return false;
    }
    DnnStep step = new DnnStep(primitive, alone);
    try (MemoryDesc plain = MemoryDesc.strided(p.products, new long[] {k, n}, w.strides())) {
      View packed = p.packed(w, 2, plain, primitive.weights());
      step.withShared(Arg.WEIGHTS.code(), primitive.weights(), packed);
    }
    step.with(Arg.SRC.code(), xd, x).with(Arg.DST.code(), yd, y2);
    if (bd != null) {
      step.with(Arg.BIAS.code(), bd, bias);
    }
    if (rd != null) {
      step.with(residualArg, rd, r);
    }
    ConvLowering.scratch(p, step);
    String what = "Linear" + (residual == null ? "" : "+residual");
    p.add(step, activation.equals("none") ? what : what + "+" + activation, Flops.of(node));
    p.put(node.output(0), y);
    return true;
  }

  /**
   * One row as a 1x1 convolution of one position, which streams its weights about three times as
   * fast as oneDNN's matrix product does; false where that has no kernel.
   */
  private static boolean vector(
      Program p, Node node, View x, View y, View bias, String activation) {
    boolean silu = activation.equals("silu");
    if (!silu && !activation.equals("none") || p.products != DType.FLOAT32) {
      return false;
    }
    Constant w = node.input(1).constant().cast(DType.FLOAT32);
    long k = w.shape()[0];
    long n = w.shape()[1];
    long[] dims = {n, k, 1, 1};
    long[][] geometry = {{1, 1}, {1, 1}, {0, 0}, {0, 0}};
    boolean alone = p.alone(2 * n * k, 4 * w.elements());
    Primitive primitive;
    MemoryDesc bd =
        bias == null ? null : MemoryDesc.strided(DType.FLOAT32, new long[] {n}, new long[] {1});
    try (Attributes attributes = new Attributes();
        MemoryDesc any = MemoryDesc.any(DType.FLOAT32, dims);
        MemoryDesc xd = MemoryDesc.any(DType.FLOAT32, 1, k, 1, 1);
        MemoryDesc yd = MemoryDesc.any(DType.FLOAT32, 1, n, 1, 1)) {
      if (silu) {
        attributes.eltwise(Attributes.Eltwise.SWISH, 1, 0);
      }
      Function<MemoryDesc, Primitive> maker =
          layout ->
              p.make(
                  alone,
                  () ->
                      Primitives.convolution(
                          p.engine, false, xd, layout, bd, yd, geometry, attributes));
      Primitive known = p.choose(w, 4, maker);
      primitive = known != null ? known : maker.apply(any);
    }
    boolean fits =
        primitive != null
            && !primitive.isReference()
            && primitive.source().bytes() == 4 * k
            && primitive.destination().bytes() == 4 * n;
    if (!fits) {
      if (primitive != null) {
        primitive.close();
      }
      if (bd != null) {
        bd.close();
      }
      return false;
    }
    DnnStep step = new DnnStep(primitive, alone);
    long[] stored = {w.strides()[1], w.strides()[0], 1, 1};
    try (MemoryDesc plain = MemoryDesc.strided(DType.FLOAT32, dims, stored)) {
      View packed = p.packed(w, 4, plain, primitive.weights());
      step.withShared(Arg.WEIGHTS.code(), primitive.weights(), packed);
    }
    step.withShared(Arg.SRC.code(), primitive.source(), x);
    step.withShared(Arg.DST.code(), primitive.destination(), y);
    if (bd != null) {
      step.with(Arg.BIAS.code(), bd, bias);
    }
    ConvLowering.scratch(p, step);
    String what = "Linear" + (node.input(3) == null ? "" : "+residual");
    p.add(step, silu ? what + "+silu" : what, Flops.of(node));
    p.put(node.output(0), y);
    return true;
  }

  private static View sum(Program p, View bias, View residual) {
    View row = residual.reshape(bias.shape());
    View y = p.allocateDense(DType.FLOAT32, bias.shape());
    p.addHelper(BroadcastKernel.step(BinaryKind.ADD, bias, row, y), "Add");
    return y;
  }

  /** A view as a matrix whose rows are contiguous; copied if it cannot be seen so. */
  static View rows(Program p, View v, long m, long k) {
    View flat = v.reshape(new long[] {m, k});
    if (flat == null || k > 1 && flat.strides()[1] != 1 || m > 1 && flat.strides()[0] < k) {
      flat = p.dense(v).reshape(new long[] {m, k});
    }
    long[] strides = {m == 1 ? k : flat.strides()[0], 1};
    return new View(flat.slot(), flat.offset(), flat.dtype(), flat.shape(), strides);
  }
}
