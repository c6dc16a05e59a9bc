package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.ffi.onednn.Attributes;
import io.github.morseengine.engine.ffi.onednn.MemoryDesc;
import io.github.morseengine.engine.ffi.onednn.Primitive;
import io.github.morseengine.engine.ffi.onednn.Primitive.Arg;
import io.github.morseengine.engine.ffi.onednn.Primitives;
import io.github.morseengine.engine.ir.Constant;
import io.github.morseengine.engine.ir.Flops;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Shapes;
import java.util.function.Function;

/**
 * A linear layer and the GEGLU behind it as two products, {@code g = gelu(X Wb + b)} and {@code y =
 * (X Wa + a) g}: neither the wide tensor between them nor a pass over it is left. A residual of the
 * layer, such as a low-rank branch, is added by halves too, so that Dash and Dot pack alike.
 */
final class GegluLowering {

  private GegluLowering() {}

  /** Whether a linear layer and the GEGLU behind it are of the kind that this can do. */
  static boolean fits(Node linear, Node geglu) {
    Value weight = linear.input(1);
    return weight.isConstant()
        && weight.rank() == 2
        && weight.shape()[0] > 0
        && geglu.output(0).dtype() == DType.FLOAT32
        && Shapes.elements(geglu.output(0).shape()) > weight.shape()[1] / 2
        && linear.attributes().getString("activation", "none").equals("none");
  }

  /** Lowers both; false where oneDNN has no kernel, and nothing is added then. */
  static boolean lower(Program p, Node linear, Node geglu) {
    Constant w = linear.input(1).constant().cast(p.products);
    long k = w.shape()[0];
    long n = w.shape()[1] / 2;
    long[] shape = geglu.output(0).shape();
    long m = Shapes.elements(shape) / n;
    View x = p.operand(LinearLowering.rows(p, p.get(linear.input(0)), m, k));
    View residual =
        linear.input(3) == null ? null : LinearLowering.rows(p, p.get(linear.input(3)), m, 2 * n);
    View bias = linear.input(2) == null ? null : p.floatsOf(linear.input(2));
    View y = p.allocateDense(DType.FLOAT32, shape);
    View out = y.reshape(new long[] {m, n});
    View gate = p.allocateDense(DType.FLOAT32, m, n);
    boolean tanh = geglu.attributes().getString("approximate", "none").equals("tanh");
    Half open = new Half(p, w, x, n, bias, residual, gate);
    Half value = new Half(p, w, x, 0, bias, residual, out);
    boolean made =
        open.make(tanh ? Attributes.Eltwise.GELU_TANH : Attributes.Eltwise.GELU_ERF, null)
            && value.make(null, gate);
    if (!made) {
      open.close();
      value.close();
      return false;
    }
    long flops = Flops.of(linear) / 2;
    open.add("Linear+gelu", flops);
    value.add("Linear+gate", flops + Flops.of(geglu));
    p.put(geglu.output(0), y);
    return true;
  }

  /** The product with some columns of the weight. For one thread. */
  private static final class Half implements AutoCloseable {
    private final Program p;
    private final WeightPart part;
    private final View x;
    private final View bias;
    private final View residual;
    private final View out;
    private final long k;
    private final long n;
    private View factor;
    private MemoryDesc xd;
    private MemoryDesc yd;
    private MemoryDesc bd;
    private MemoryDesc rd;
    private MemoryDesc fd;
    private int residualArg;
    private int factorArg;
    private boolean alone;
    private Primitive primitive;

    Half(Program p, Constant w, View x, long first, View bias, View residual, View out) {
      this.p = p;
      this.x = x;
      this.out = out;
      this.k = w.shape()[0];
      this.n = out.shape()[1];
      this.part = WeightPart.columns(w, first, n);
      long[] zero = {0, first};
      // oneDNN adds dense tensors only.
      this.residual =
          residual == null ? null : p.dense(residual.slice(zero, new long[] {1, 1}, out.shape()));
      this.bias =
          bias == null ? null : bias.slice(new long[] {first}, new long[] {1}, new long[] {n});
    }

    /** Makes y = f(x W + bias + residual) * g. */
    boolean make(Attributes.Eltwise f, View g) {
      factor = g;
      xd = ConvLowering.desc(x);
      yd = ConvLowering.desc(out);
      bd =
          bias == null
              ? null
              : MemoryDesc.strided(DType.FLOAT32, new long[] {1, n}, new long[] {n, 1});
      rd = residual == null ? null : ConvLowering.desc(residual);
      fd = factor == null ? null : ConvLowering.desc(factor);
      long m = out.shape()[0];
      alone = p.alone(2 * m * n * k, 4 * (n * k + m * k + m * n));
      try (Attributes attributes = new Attributes();
          MemoryDesc any = MemoryDesc.any(p.products, k, n)) {
        if (rd != null) {
          residualArg = attributes.add(rd);
        }
        if (f != null) {
          attributes.eltwise(f, 0, 0);
        }
        if (fd != null) {
          factorArg = attributes.multiply(fd);
        }
        Function<MemoryDesc, Primitive> maker =
            layout ->
                p.make(alone, () -> Primitives.matmul(p.engine, xd, layout, bd, yd, attributes));
        Primitive known = p.choose(part, 2, maker);
        primitive = known != null ? known : maker.apply(any);
      }
      return primitive != null && !primitive.isReference();
    }

    void add(String what, long flops) {
      DnnStep step = new DnnStep(primitive, alone);
      long[] dims = {k, n};
      try (MemoryDesc plain = MemoryDesc.strided(p.products, dims, part.of().strides())) {
        View packed = p.packed(part, 2, plain, primitive.weights());
        step.withShared(Arg.WEIGHTS.code(), primitive.weights(), packed);
      }
      step.with(Arg.SRC.code(), xd, x).with(Arg.DST.code(), yd, out);
      if (bd != null) {
        step.with(Arg.BIAS.code(), bd, bias);
      }
      if (rd != null) {
        step.with(residualArg, rd, residual);
      }
      if (fd != null) {
        step.with(factorArg, fd, factor);
      }
      ConvLowering.scratch(p, step);
      p.add(step, what, flops);
    }

    /** Where nothing is added. */
    @Override
    public void close() {
      ConvLowering.close(xd, yd, bd, rd, fd);
      if (primitive != null) {
        primitive.close();
      }
    }
  }
}
