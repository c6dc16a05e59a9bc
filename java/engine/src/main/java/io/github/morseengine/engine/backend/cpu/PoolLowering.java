package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.ffi.onednn.Attributes;
import io.github.morseengine.engine.ffi.onednn.MemoryDesc;
import io.github.morseengine.engine.ffi.onednn.Primitive;
import io.github.morseengine.engine.ffi.onednn.Primitives;
import io.github.morseengine.engine.ffi.onednn.Primitives.PoolingKind;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Window;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Shapes;
import java.util.Arrays;

/** Average and maximum over windows, by oneDNN. */
final class PoolLowering {

  /** Up to here a running sum in float32 errs by less than a convolution. */
  private static final long MOST_TAPS = 4096;

  private PoolLowering() {}

  /** Pooling without positions; false where oneDNN has no such window. */
  static boolean lower(Program p, Node node) {
    View in = p.get(node.input(0));
    int rank = in.rank() - 2;
    if (rank < 1 || rank > 3 || node.output(1) != null || in.elements() == 0) {
      return false;
    }
    long[] spatial = Arrays.copyOfRange(in.shape(), 2, in.rank());
    if (node.opType().equals("GlobalAveragePool") && Shapes.elements(spatial) > MOST_TAPS) {
      // oneDNN adds up in float32 one by one, which errs by more the larger an image is.
      View y = p.allocateDense(DType.FLOAT32, node.output(0).shape());
      ReduceLowering.means(p, p.dense(in), y);
      p.put(node.output(0), y);
      return true;
    }
    Window win = Window.pooling(node, spatial);
    long[] end = new long[rank];
    for (int d = 0; d < rank; d++) {
      long extent = (win.kernel()[d] - 1) * win.dilations()[d] + 1;
      long reach = (win.output()[d] - 1) * win.strides()[d] + extent;
      end[d] = Math.max(win.padsEnd()[d], reach - spatial[d] - win.padsBegin()[d]);
    }
    PoolingKind kind = kind(node);
    // What ceil_mode adds beyond the padding counts for no average, but oneDNN would count it; a
    // maximum and an average of what is inside do not see the difference.
    boolean wider = false;
    for (int d = 0; d < rank; d++) {
      wider |= end[d] > win.padsEnd()[d];
    }
    boolean large = kind != PoolingKind.MAX && Shapes.elements(win.kernel()) > MOST_TAPS;
    if (kind == PoolingKind.AVERAGE_WITH_PADDING && wider || padsMore(win, end) || large) {
      return false;
    }
    View x = p.channelsLast(in);
    long[] shape = node.output(0).shape();
    View y = p.allocate(DType.FLOAT32, shape, View.channelsLast(shape));
    long taps = Shapes.elements(shape) * Shapes.elements(win.kernel());
    boolean alone = p.alone(taps, x, y);
    long[][] geometry = {win.kernel(), win.strides(), win.dilations(), win.padsBegin(), end};
    MemoryDesc xd = ConvLowering.desc(x);
    MemoryDesc yd = ConvLowering.desc(y);
    Primitive primitive;
    try (Attributes attributes = new Attributes()) {
      primitive =
          p.make(alone, () -> Primitives.pooling(p.engine, kind, xd, yd, geometry, attributes));
    }
    if (primitive == null) {
      ConvLowering.close(xd, yd);
      return false;
    }
    DnnStep step = new DnnStep(primitive, alone);
    step.with(Primitive.Arg.SRC.code(), xd, x).with(Primitive.Arg.DST.code(), yd, y);
    ConvLowering.scratch(p, step);
    p.add(step, node.opType(), taps);
    p.put(node.output(0), y);
    return true;
  }

  private static PoolingKind kind(Node node) {
    if (node.opType().endsWith("MaxPool")) {
      return PoolingKind.MAX;
    }
    return node.attributes().getInt("count_include_pad", 0) == 1
        ? PoolingKind.AVERAGE_WITH_PADDING
        : PoolingKind.AVERAGE;
  }

  /** Whether a window may lie in the padding altogether: oneDNN refuses such. */
  private static boolean padsMore(Window win, long[] end) {
    for (int d = 0; d < end.length; d++) {
      long extent = (win.kernel()[d] - 1) * win.dilations()[d] + 1;
      if (win.padsBegin()[d] >= extent || end[d] >= extent) {
        return true;
      }
    }
    return false;
  }
}
