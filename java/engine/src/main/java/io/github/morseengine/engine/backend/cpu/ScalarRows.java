package io.github.morseengine.engine.backend.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Row loops in plain Java. */
final class ScalarRows implements RowKernels {

  private static final ValueLayout.OfFloat F = ValueLayout.JAVA_FLOAT;

  @Override
  public String label() {
    return "scalar";
  }

  @Override
  public void sums(
      MemorySegment x,
      long base,
      int rows,
      int width,
      int from,
      int to,
      float[] shift,
      float[] sum,
      float[] squares) {
    for (int c = from; c < to; c++) {
      sum[c] = 0;
      squares[c] = 0;
    }
    for (int r = 0; r < rows; r++) {
      long row = base + 4L * r * width;
      for (int c = from; c < to; c++) {
        float d = x.get(F, row + 4L * c) - shift[c];
        sum[c] += d;
        squares[c] += d * d;
      }
    }
  }

  @Override
  public void affine(
      MemorySegment x,
      MemorySegment y,
      long base,
      int rows,
      int width,
      int from,
      int to,
      float[] a,
      float[] b,
      boolean silu) {
    for (int r = 0; r < rows; r++) {
      long row = base + 4L * r * width;
      for (int c = from; c < to; c++) {
        float v = x.get(F, row + 4L * c) * a[c] + b[c];
        y.set(F, row + 4L * c, silu ? silu(v) : v);
      }
    }
  }

  static float silu(float v) {
    return (float) (v / (1 + Math.exp(-v)));
  }
}
