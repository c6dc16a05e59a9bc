package io.github.morseengine.engine.backend.cuda;

import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Window;
import io.github.morseengine.engine.tensor.Shapes;
import java.util.Arrays;

/** Average and maximum over windows of lines and planes. */
final class PoolLowering {

  private PoolLowering() {}

  static boolean lower(CudaProgram p, Node node) {
    View in = p.get(node.input(0));
    int rank = in.rank() - 2;
    if (rank < 1 || rank > 2 || node.output(1) != null || in.elements() == 0) {
      return false;
    }
    long[] spatial = Arrays.copyOfRange(in.shape(), 2, in.rank());
    Window win = Window.pooling(node, spatial);
    Rows x = Rows.pixels(p, in, p.type);
    long[] shape = node.output(0).shape();
    Rows y = Rows.pixels(p.output(node.output(0), p.type, View.channelsLast(shape)));
    ConvProblem.Geometry g = ConvProblem.Geometry.of(win);
    long[] from = ConvLowering.plane(in.shape());
    long[] to = ConvLowering.plane(shape);
    boolean average = !node.opType().endsWith("MaxPool");
    boolean padded = node.attributes().getInt("count_include_pad", 0) == 1;
    // Rows and columns of the padded image: what ceil_mode adds beyond them does not count.
    long endW = from[1] + win.padsBegin()[rank - 1] + win.padsEnd()[rank - 1];
    long endH = rank == 1 ? 1 : from[0] + win.padsBegin()[0] + win.padsEnd()[0];
    p.add(
        p.kernel(average ? "pool_average" : "pool_max", p.type)
            .view(x.view())
            .view(y.view())
            .i32(in.shape()[0], from[0], from[1], in.shape()[1], x.ld(), y.ld())
            .i32(g.r(), g.s(), to[0], to[1])
            .i32(g.strideH(), g.strideW(), g.padH(), g.padW(), g.dilationH(), g.dilationW())
            .i32(padded ? 2 : 0, endH, endW)
            .grid(Math.ceilDiv(Shapes.elements(shape), 256)),
        node.opType(),
        Shapes.elements(shape) * g.r() * g.s());
    return true;
  }
}
