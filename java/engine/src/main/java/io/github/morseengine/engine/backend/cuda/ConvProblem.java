package io.github.morseengine.engine.backend.cuda;

import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.ir.Window;
import io.github.morseengine.engine.tensor.DType;
import java.util.ArrayList;
import java.util.List;

/**
 * {@code Y = act(conv(X, W) + bias + R)} on images whose channels are innermost, before a kernel is
 * chosen.
 *
 * @param x input as it lies in memory, before it is enlarged
 * @param w weights [K][R][S][C / groups], dense, in the type of x
 * @param bias float32 [K]; null for none
 * @param residual pixels in the shape of y; null for none
 * @param y output
 * @param geometry filter, steps and pads
 * @param groups groups of channels
 * @param upsample 1, or 2 where x is read as enlarged twice per side by nearest neighbour
 * @param silu whether SiLU follows
 */
record ConvProblem(
    Image x,
    View w,
    View bias,
    Rows residual,
    Image y,
    Geometry geometry,
    int groups,
    int upsample,
    boolean silu) {

  /**
   * An image.
   *
   * @param pixels its memory; the width of a row is the number of channels
   * @param n samples
   * @param h rows
   * @param w columns
   */
  record Image(Rows pixels, long n, long h, long w) {

    long channels() {
      return pixels.width();
    }
  }

  /**
   * The filter: r rows and s columns, how it moves, and the zeros above and left (padH, padW) and
   * below and right (endH, endW) of the image.
   */
  record Geometry(
      long r,
      long s,
      long strideH,
      long strideW,
      long padH,
      long padW,
      long endH,
      long endW,
      long dilationH,
      long dilationW) {

    /** Of a window over a plane, or over a line as its last dimension. */
    static Geometry of(Window win) {
      return new Geometry(
          first(win.kernel(), 1),
          last(win.kernel()),
          first(win.strides(), 1),
          last(win.strides()),
          first(win.padsBegin(), 0),
          last(win.padsBegin()),
          first(win.padsEnd(), 0),
          last(win.padsEnd()),
          first(win.dilations(), 1),
          last(win.dilations()));
    }

    private static long first(long[] values, long otherwise) {
      return values.length == 1 ? otherwise : values[0];
    }

    private static long last(long[] values) {
      return values[values.length - 1];
    }
  }

  /** The views that a kernel reads and writes: x, w, bias and residual where they are there, y. */
  List<View> views() {
    List<View> out = new ArrayList<>(List.of(x.pixels.view(), w));
    if (bias != null) {
      out.add(bias);
    }
    if (residual != null) {
      out.add(residual.view());
    }
    out.add(y.pixels.view());
    return out;
  }

  DType type() {
    return y.pixels.view().dtype();
  }

  /** Pixels of the output over all samples: rows of the implicit matrix product. */
  long positions() {
    return y.n * y.h * y.w;
  }

  /** Input channels that one filter sees. */
  long depth() {
    return x.channels() / groups;
  }

  /** Filters per group. */
  long filters() {
    return y.channels() / groups;
  }
}
