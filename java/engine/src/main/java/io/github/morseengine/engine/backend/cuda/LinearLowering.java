package io.github.morseengine.engine.backend.cuda;

import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.ir.Flops;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Shapes;

/**
 * Linear layers: a product with constant weights [K, N], bias, residual and activation in the
 * epilogue; with GEGLU behind it in one kernel.
 */
final class LinearLowering {

  private LinearLowering() {}

  static boolean lower(CudaProgram p, Node node) {
    if (!fits(node)) {
      return false;
    }
    long n = node.input(1).shape()[1];
    Rows x = Rows.of(p, p.get(node.input(0)), p.type);
    View w = p.dense(node.input(1), p.type);
    long[] shape = node.output(0).shape();
    Value residual = node.input(3);
    Rows r = residual == null ? null : Rows.of(p, p.get(residual), p.type);
    Rows y = Rows.of(p.output(node.output(0), p.type, Shapes.strides(shape)));
    String activation = node.attributes().getString("activation", "none");
    Product product =
        new Product(
            x.rows(),
            n,
            x.width(),
            new Product.Factor(x.view(), x.ld(), 1),
            new Product.Factor(w, n, 1),
            node.input(2),
            r == null ? null : new Product.Factor(r.view(), r.ld(), 1),
            new Product.Factor(y.view(), y.ld(), 1),
            Product.Batches.ONE,
            Product.activation(activation),
            1);
    String what = "Linear" + (residual == null ? "" : "+residual");
    return Products.add(
        p, product, activation.equals("none") ? what : what + "+" + activation, Flops.of(node));
  }

  private static boolean fits(Node node) {
    Value weight = node.input(1);
    return weight.isConstant()
        && weight.rank() == 2
        && weight.elements() > 0
        && node.output(0).elements() > 0;
  }

  /** Whether a GEGLU reads nothing but this layer, which nobody else reads. */
  static boolean takesGeglu(CudaProgram p, Node linear, Node geglu) {
    return fits(linear)
        && linear.input(3) == null
        && linear.attributes().getString("activation", "none").equals("none")
        && ElementTypes.isHalf(p.type)
        && geglu.input(0) == linear.output(0);
  }

  /** A linear layer and the GEGLU behind it; false where one kernel does not do both. */
  static boolean geglu(CudaProgram p, Node linear, Node geglu) {
    Rows x = Rows.of(p, p.get(linear.input(0)), p.type);
    View w = p.dense(linear.input(1), p.type);
    long[] shape = geglu.output(0).shape();
    Rows y = Rows.of(p.output(geglu.output(0), p.type, Shapes.strides(shape)));
    boolean tanh = geglu.attributes().getString("approximate", "none").equals("tanh");
    View bias = linear.input(2) == null ? null : p.dense(linear.input(2), DType.FLOAT32);
    KernelStep step = ProductKernels.geglu(p, x, w, bias, y, tanh);
    if (step == null) {
      return false;
    }
    p.add(step, "Linear+GeGLU", Flops.of(linear) + Flops.of(geglu));
    return true;
  }
}
