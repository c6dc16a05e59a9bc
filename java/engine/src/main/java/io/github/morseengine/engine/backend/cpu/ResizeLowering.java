package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.backend.reference.ResizeReference;
import io.github.morseengine.engine.ffi.onednn.Attributes;
import io.github.morseengine.engine.ffi.onednn.MemoryDesc;
import io.github.morseengine.engine.ffi.onednn.Primitive;
import io.github.morseengine.engine.ffi.onednn.Primitives;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Shapes;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * Resize of images: repeated pixels where they grow by whole factors to the nearest neighbour,
 * weighted sums for all else.
 */
final class ResizeLowering {

  private ResizeLowering() {}

  /** Resize of height and width with known parameters; false for every other form. */
  static boolean lower(Program p, Node node) {
    return repeat(p, node) || resample(p, node);
  }

  private static boolean resample(Program p, Node node) {
    long[] shape = node.output(0).shape();
    View x = p.get(node.input(0));
    long[] from = x.shape();
    boolean image =
        shape.length == 4
            && shape[0] == from[0]
            && shape[1] == from[1]
            && Shapes.elements(shape) > 0
            && x.dtype() == DType.FLOAT32;
    ResizeReference.Table[] tables = image ? ResizeReference.tables(node, from) : null;
    if (tables == null) {
      return false;
    }
    View y = p.allocate(DType.FLOAT32, shape, View.channelsLast(shape));
    p.add(ResampleKernel.step(p.channelsLast(x), y, tables[0], tables[1]));
    p.put(node.output(0), y);
    return true;
  }

  /** Coordinates that amount to repeating pixels; false for every other form. */
  private static boolean repeat(Program p, Node node) {
    View x = p.get(node.input(0));
    long[] shape = node.output(0).shape();
    String mode = node.attributes().getString("mode", "nearest");
    if (!mode.equals("nearest") || x.rank() != 4 || x.dtype() != DType.FLOAT32) {
      return false;
    }
    String coordinates =
        node.attributes().getString("coordinate_transformation_mode", "half_pixel");
    String rounding = node.attributes().getString("nearest_mode", "round_prefer_floor");
    // Both give floor(i / factor) for whole factors; half_pixel only with rounding to nearest.
    boolean repeats =
        node.opset() < 11
            || coordinates.equals("asymmetric") && rounding.equals("floor")
            || coordinates.equals("half_pixel") && rounding.startsWith("round_prefer");
    boolean whole =
        shape[0] == x.shape()[0]
            && shape[1] == x.shape()[1]
            && shape[2] > 0
            && shape[3] > 0
            && shape[2] % x.shape()[2] == 0
            && shape[3] % x.shape()[3] == 0;
    if (!repeats || !whole) {
      return false;
    }
    p.put(node.output(0), repeat(p, p.channelsLast(x), shape));
    return true;
  }

  /** Doubles both sides. */
  static View twice(Program p, View x) {
    long[] s = x.shape();
    return repeat(p, x, new long[] {s[0], s[1], 2 * s[2], 2 * s[3]});
  }

  private static View repeat(Program p, View x, long[] shape) {
    View y = p.allocate(DType.FLOAT32, shape, View.channelsLast(shape));
    if (resampled(p, x, y)) {
      return y;
    }
    p.addHelper(new JavaStep("nearest upsample", List.of(x, y), b -> bind(b, x, y)), "Upsample");
    return y;
  }

  private static boolean resampled(Program p, View x, View y) {
    MemoryDesc xd = ConvLowering.desc(x);
    MemoryDesc yd = ConvLowering.desc(y);
    boolean alone = p.alone(0, x, y);
    Primitive primitive;
    try (Attributes attributes = new Attributes()) {
      primitive = p.make(alone, () -> Primitives.nearest(p.engine, xd, yd, attributes));
    }
    if (primitive == null || primitive.isReference()) {
      ConvLowering.close(xd, yd);
      if (primitive != null) {
        primitive.close();
      }
      return false;
    }
    DnnStep step = new DnnStep(primitive, alone);
    step.with(Primitive.Arg.SRC.code(), xd, x).with(Primitive.Arg.DST.code(), yd, y);
    ConvLowering.scratch(p, step);
    p.addHelper(step, "Upsample");
    return true;
  }

  private static Step.Bound bind(Binding b, View from, View to) {
    MemorySegment x = b.of(from);
    MemorySegment y = b.of(to);
    long pixel = 4 * to.shape()[1];
    long h = to.shape()[2];
    long w = to.shape()[3];
    long fy = h / from.shape()[2];
    long fx = w / from.shape()[3];
    long rows = to.shape()[0] * h;
    long width = from.shape()[3];
    return () ->
        b.team()
            .parallel(
                (t, n) -> {
                  for (long r = rows * t / n; r < rows * (t + 1) / n; r++) {
                    long source = r / fy * width * pixel;
                    for (long i = 0; i < w; i++) {
                      MemorySegment.copy(x, source + i / fx * pixel, y, (r * w + i) * pixel, pixel);
                    }
                  }
                });
  }
}
