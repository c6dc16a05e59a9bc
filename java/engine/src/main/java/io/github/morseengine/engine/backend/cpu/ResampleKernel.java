package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.backend.reference.ResizeReference.Table;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * Images of another size, each pixel a weighted sum of pixels: along the columns first, over whole
 * rows of the source at a time, then along the row. Output rows are split among the threads.
 */
final class ResampleKernel implements Step.Bound {

  private static final ValueLayout.OfFloat F = ValueLayout.JAVA_FLOAT;

  private final Binding binding;
  private final MemorySegment x;
  private final MemorySegment y;
  private final long[] from;
  private final long[] to;
  private final Table rows;
  private final Table cols;

  /** Of each thread: a row of the source, the weighted sum of some, and a row of the result. */
  private final float[][][] buffers;

  private ResampleKernel(Binding b, View x, View y, Table rows, Table cols) {
    this.binding = b;
    this.x = b.of(x);
    this.y = b.of(y);
    this.from = x.shape();
    this.to = y.shape();
    this.rows = rows;
    this.cols = cols;
    int source = Math.toIntExact(from[1] * from[3]);
    int target = Math.toIntExact(to[1] * to[3]);
    buffers = new float[b.team().threads()][][];
    for (int t = 0; t < buffers.length; t++) {
      buffers[t] = new float[][] {new float[source], new float[source], new float[target]};
    }
  }

  /**
   * A step for images with their channels innermost.
   *
   * @param x [N,C,H,W]
   * @param y [N,C,H',W']
   * @param rows what each row of y is made of
   * @param cols what each column of y is made of
   */
  static Step step(View x, View y, Table rows, Table cols) {
    return new JavaStep("resample", List.of(x, y), b -> new ResampleKernel(b, x, y, rows, cols));
  }

  @Override
  public void run() {
    long all = to[0] * to[2];
    binding
        .team()
        .parallel(
            (t, n) -> {
              for (long r = all * t / n; r < all * (t + 1) / n; r++) {
                row(r / to[2], (int) (r % to[2]), buffers[t]);
              }
            });
  }

  private void row(long image, int at, float[][] buffer) {
    float[] sum = blend(image, at, buffer[0], buffer[1]);
    float[] out = buffer[2];
    int c = (int) to[1];
    int taps = cols.taps();
    for (int o = 0; o < to[3]; o++) {
      int target = o * c;
      for (int i = 0; i < taps; i++) {
        float w = (float) cols.weights()[o * taps + i];
        int source = cols.indices()[o * taps + i] * c;
        if (i == 0) {
          for (int k = 0; k < c; k++) {
            out[target + k] = w * sum[source + k];
          }
        } else if (w != 0) {
          for (int k = 0; k < c; k++) {
            out[target + k] += w * sum[source + k];
          }
        }
      }
    }
    MemorySegment.copy(out, 0, y, F, 4 * (image * to[2] + at) * out.length, out.length);
  }

  /** The weighted sum of the source's rows that an output row is made of. */
  private float[] blend(long image, int at, float[] row, float[] sum) {
    int taps = rows.taps();
    boolean first = true;
    for (int i = 0; i < taps; i++) {
      float w = (float) rows.weights()[at * taps + i];
      if (w == 0 && !(first && i == taps - 1)) {
        continue;
      }
      long source = image * from[2] + rows.indices()[at * taps + i];
      MemorySegment.copy(x, F, 4 * source * row.length, row, 0, row.length);
      if (first) {
        for (int k = 0; k < row.length; k++) {
          sum[k] = w * row[k];
        }
      } else {
        for (int k = 0; k < row.length; k++) {
          sum[k] += w * row[k];
        }
      }
      first = false;
    }
    return sum;
  }
}
