package io.github.morseengine.engine.backend.cuda;

import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.backend.reference.ResizeReference;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Shapes;
import io.github.morseengine.engine.tensor.Tensor;
import java.util.function.IntToDoubleFunction;

/** Resize of images in all modes but cropping; what each pixel is made of stands in tables. */
final class ResizeLowering {

  private ResizeLowering() {}

  /** Resize of height and width with constant parameters; false for every other form. */
  static boolean lower(CudaProgram p, Node node) {
    long[] shape = node.output(0).shape();
    long[] from = node.input(0).shape();
    boolean image = shape.length == 4 && shape[0] == from[0] && shape[1] == from[1];
    boolean some = image && node.output(0).elements() > 0;
    ResizeReference.Table[] tables = some ? ResizeReference.tables(node, from) : null;
    if (tables == null) {
      return false;
    }
    ResizeReference.Table rows = tables[0];
    ResizeReference.Table cols = tables[1];
    Rows x = Rows.pixels(p, p.get(node.input(0)), p.type);
    Rows y = Rows.pixels(p.output(node.output(0), p.type, View.channelsLast(shape)));
    String mode = node.attributes().getString("mode", "nearest");
    if (mode.equals("nearest")) {
      nearest(p, rows, cols, x, y);
    } else {
      taps(p, rows, cols, x, y, "Resize (" + mode + ")");
    }
    return true;
  }

  private static void nearest(
      CudaProgram p, ResizeReference.Table rows, ResizeReference.Table cols, Rows x, Rows y) {
    long[] s = x.view().shape();
    long[] to = y.view().shape();
    int vector = Rows.vector(s[1], x, y);
    p.add(
        p.kernel("resize_nearest" + Rows.suffix(vector), p.type)
            .view(x.view())
            .view(y.view())
            .view(indices(p, rows, 1))
            .view(indices(p, cols, 1))
            .i32(s[0], s[2], s[3], s[1], to[2], to[3], x.ld(), y.ld())
            .grid(Math.ceilDiv(Shapes.elements(to) / vector, 256)),
        "Resize",
        0);
  }

  private static void taps(
      CudaProgram p,
      ResizeReference.Table rows,
      ResizeReference.Table cols,
      Rows x,
      Rows y,
      String what) {
    long[] s = x.view().shape();
    long[] to = y.view().shape();
    int taps = Math.max(rows.taps(), cols.taps());
    p.add(
        p.kernel("resize_taps", p.type)
            .view(x.view())
            .view(y.view())
            .view(indices(p, rows, taps))
            .view(weights(p, rows, taps))
            .view(indices(p, cols, taps))
            .view(weights(p, cols, taps))
            .i32(taps, s[0], s[2], s[3], s[1], to[2], to[3], x.ld(), y.ld())
            .grid(Math.ceilDiv(Shapes.elements(to), 256)),
        what,
        2L * taps * taps * Shapes.elements(to));
  }

  /** Indices with as many taps as the other dimension has; those that are missing weigh nothing. */
  private static View indices(CudaProgram p, ResizeReference.Table t, int taps) {
    return table(p, DType.INT32, t, taps, i -> t.indices()[i]);
  }

  private static View weights(CudaProgram p, ResizeReference.Table t, int taps) {
    return table(p, DType.FLOAT32, t, taps, i -> t.weights()[i]);
  }

  private static View table(
      CudaProgram p, DType type, ResizeReference.Table t, int taps, IntToDoubleFunction value) {
    int n = t.indices().length / t.taps();
    Tensor out = Tensor.allocate(type, (long) n * taps);
    for (int i = 0; i < n; i++) {
      for (int k = 0; k < t.taps(); k++) {
        out.setDouble((long) i * taps + k, value.applyAsDouble(i * t.taps() + k));
      }
    }
    return p.table(out);
  }
}
