package io.github.morseengine.engine.backend.cuda;

import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.ir.Flops;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.ir.Window;
import io.github.morseengine.engine.tensor.Shapes;
import java.util.Arrays;

/** Convolutions of one and two dimensions with bias, residual and SiLU in the epilogue. */
final class ConvLowering {

  private ConvLowering() {}

  /** Lowers Conv and the fused Conv; false for more than two spatial dimensions. */
  static boolean lower(CudaProgram p, Node node) {
    if (node.input(0).rank() > 4) {
      return false;
    }
    View in = p.get(node.input(0));
    Rows x = Rows.pixels(p, in, p.type);
    int upsample = (int) node.attributes().getInt("upsample", 1);
    long[] spatial = Arrays.copyOfRange(in.shape(), 2, in.rank());
    for (int i = 0; i < spatial.length; i++) {
      spatial[i] *= upsample;
    }
    long[] w = node.input(1).shape();
    Window win = Window.of(node, spatial, Arrays.copyOfRange(w, 2, w.length));
    long[] shape = node.output(0).shape();
    Value residual = node.input(3);
    Rows r = residual == null ? null : Rows.pixels(p, p.get(residual), p.type);
    Rows y = Rows.pixels(p.output(node.output(0), p.type, View.channelsLast(shape)));
    boolean silu = node.attributes().getString("activation", "none").equals("silu");
    long[] size = plane(in.shape());
    ConvProblem problem =
        new ConvProblem(
            new ConvProblem.Image(x, in.shape()[0], size[0], size[1]),
            weights(p, node.input(1), new int[] {0, 2, 3, 1}),
            p.floats(node.input(2)),
            r,
            new ConvProblem.Image(y, shape[0], plane(shape)[0], plane(shape)[1]),
            ConvProblem.Geometry.of(win),
            (int) node.attributes().getInt("group", 1),
            upsample,
            silu);
    String what = "Conv" + (r == null ? "" : "+residual") + (silu ? "+SiLU" : "");
    Convolutions.add(p, problem, what, Flops.of(node));
    return true;
  }

  /** Height and width; a line is an image of one row. */
  static long[] plane(long[] shape) {
    return shape.length == 3 ? new long[] {1, shape[2]} : new long[] {shape[2], shape[3]};
  }

  /** Weights with permuted dimensions, packed at compile time where they are constants. */
  static View weights(CudaProgram p, Value w, int[] perm) {
    long[] shape = w.shape();
    long[] four = shape.length == 3 ? new long[] {shape[0], shape[1], 1, shape[2]} : shape;
    if (w.isConstant()) {
      return p.constant(w.constant().cast(p.type).reshape(four).transpose(perm));
    }
    View permuted = p.get(w).reshape(four).transpose(perm);
    return p.typed(permuted, p.type, Shapes.strides(permuted.shape()));
  }

  /** ConvTranspose; false for more than two spatial dimensions. */
  static boolean transposed(CudaProgram p, Node node) {
    if (node.input(0).rank() > 4) {
      return false;
    }
    View in = p.get(node.input(0));
    long[] w = node.input(1).shape();
    long[] spatial = Arrays.copyOfRange(in.shape(), 2, in.rank());
    Window win = Window.transposed(node, spatial, Arrays.copyOfRange(w, 2, w.length));
    Rows x = Rows.pixels(p, in, p.type);
    long[] shape = node.output(0).shape();
    Rows y = Rows.pixels(p.output(node.output(0), p.type, View.channelsLast(shape)));
    long[] from = plane(in.shape());
    long[] to = plane(shape);
    ConvProblem.Geometry g = ConvProblem.Geometry.of(win);
    p.add(
        p.kernel("conv_transpose", p.type)
            .view(x.view())
            .view(weights(p, node.input(1), new int[] {2, 3, 0, 1}))
            .view(p.floats(node.input(2)))
            .view(y.view())
            .i32(in.shape()[0], from[0], from[1], in.shape()[1], x.ld(), shape[1], y.ld())
            .i32(g.r(), g.s(), to[0], to[1])
            .i32(g.strideH(), g.strideW(), g.padH(), g.padW(), g.dilationH(), g.dilationW())
            .i32(node.attributes().getInt("group", 1))
            .grid(Math.ceilDiv(Shapes.elements(shape), 256)));
    return true;
  }
}
