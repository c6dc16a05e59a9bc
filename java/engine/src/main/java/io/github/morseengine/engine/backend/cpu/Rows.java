package io.github.morseengine.engine.backend.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * Loops over rows of channels (channels innermost), through buffers on the heap that fit the first
 * cache: the compiler vectorises loops over arrays, and runs them decently before it has. One per
 * thread.
 */
final class Rows {

  /** Floats that a loop goes over at least: shorter ones are mostly their own beginning and end. */
  private static final int LINE = 512;

  private static final int LINES = 4;
  private static final ValueLayout.OfFloat F = ValueLayout.JAVA_FLOAT;

  private final int width;

  /** Rows in a line; a power of two, so that lines are filled and summed up by halves. */
  private final int lineRows;

  /** Rows in the buffers. */
  private final int rows;

  private final float[] buffer;
  private final float[] factor;
  private final float[] summand;
  private final float[][] lines;
  private final float[] lineSum;
  private final float[] lineSquares;

  /** Buffers for rows of a width. */
  Rows(int width) {
    this.width = width;
    this.lineRows = Integer.highestOneBit(Math.max(1, LINE / width));
    this.rows = LINES * lineRows;
    this.buffer = new float[rows * width];
    this.factor = new float[rows * width];
    this.summand = new float[rows * width];
    this.lines = new float[LINES][lineRows * width];
    this.lineSum = new float[lineRows * width];
    this.lineSquares = new float[lineRows * width];
  }

  /**
   * Sums per channel of d = x - shift[c], and of d squared.
   *
   * @param x float32 rows
   * @param from first row
   * @param to end row
   * @param shift subtracted per channel, so that squares do not cancel
   * @param sum receives the sums
   * @param squares receives the sums of squares
   */
  void sums(MemorySegment x, long from, long to, float[] shift, float[] sum, float[] squares) {
    int line = lineRows * width;
    Arrays.fill(lineSum, 0);
    Arrays.fill(lineSquares, 0);
    tile(shift, factor, (int) Math.min(lineRows, to - from));
    long r = from;
    for (; r + rows <= to; r += rows) {
      for (int l = 0; l < LINES; l++) {
        MemorySegment.copy(x, F, 4 * (r + l * lineRows) * width, lines[l], 0, line);
      }
      four(lines[0], lines[1], lines[2], lines[3], line, factor, lineSum, lineSquares);
    }
    for (; r < to; r += lineRows) {
      int n = (int) Math.min(lineRows, to - r) * width;
      MemorySegment.copy(x, F, 4 * r * width, lines[0], 0, n);
      one(lines[0], n, factor, lineSum, lineSquares);
    }
    for (int half = line / 2; half >= width; half /= 2) {
      fold(lineSum, half);
      fold(lineSquares, half);
    }
    System.arraycopy(lineSum, 0, sum, 0, width);
    System.arraycopy(lineSquares, 0, squares, 0, width);
  }

  /** Repeats the channels; twice as much with each copy, because a copy's start is its cost. */
  private void tile(float[] channel, float[] to, int count) {
    System.arraycopy(channel, 0, to, 0, width);
    for (int filled = 1; filled < count; filled *= 2) {
      System.arraycopy(to, 0, to, filled * width, Math.min(filled, count - filled) * width);
    }
  }

  private static void fold(float[] v, int half) {
    for (int c = 0; c < half; c++) {
      v[c] += v[half + c];
    }
  }

  /** Four arrays under one index: at offsets into one array the loop would not be vectorised. */
  private static void four(
      float[] v0,
      float[] v1,
      float[] v2,
      float[] v3,
      int n,
      float[] shift,
      float[] sum,
      float[] squares) {
    for (int c = 0; c < n; c++) {
      float k = shift[c];
      float d0 = v0[c] - k;
      float d1 = v1[c] - k;
      float d2 = v2[c] - k;
      float d3 = v3[c] - k;
      sum[c] += (d0 + d1) + (d2 + d3);
      squares[c] += Math.fma(d0, d0, d1 * d1) + Math.fma(d2, d2, d3 * d3);
    }
  }

  private static void one(float[] v, int n, float[] shift, float[] sum, float[] squares) {
    for (int c = 0; c < n; c++) {
      float d = v[c] - shift[c];
      sum[c] += d;
      squares[c] = Math.fma(d, d, squares[c]);
    }
  }

  /**
   * y = act(x * a[c] + b[c]).
   *
   * @param x float32 rows
   * @param y float32 rows of the same shape
   * @param from first row
   * @param to end row
   * @param a factor per channel
   * @param b summand per channel
   * @param silu whether act is SiLU, else nothing
   */
  void affine(
      MemorySegment x, MemorySegment y, long from, long to, float[] a, float[] b, boolean silu) {
    int most = (int) Math.min(rows, to - from);
    tile(a, factor, most);
    tile(b, summand, most);
    for (long r = from; r < to; r += rows) {
      int n = (int) Math.min(rows, to - r) * width;
      MemorySegment.copy(x, F, 4 * r * width, buffer, 0, n);
      if (silu) {
        affineSilu(buffer, factor, summand, n);
      } else {
        affine(buffer, factor, summand, n);
      }
      MemorySegment.copy(buffer, 0, y, F, 4 * r * width, n);
    }
  }

  private static void affine(float[] v, float[] a, float[] b, int n) {
    for (int i = 0; i < n; i++) {
      v[i] = Math.fma(v[i], a[i], b[i]);
    }
  }

  private static void affineSilu(float[] v, float[] a, float[] b, int n) {
    for (int i = 0; i < n; i++) {
      v[i] = silu(Math.fma(v[i], a[i], b[i]));
    }
  }

  /**
   * x * sigmoid(x) = x / 2 * (1 + tanh(x / 2)), with tanh as a quotient of polynomials (minimax on
   * [-7.9, 7.9], as in Eigen), because it has no branch, no call and no change of type. Absolute
   * error below 2e-7 times max(1, |x|).
   */
  static float silu(float x) {
    float g = 0.5f * x;
    float h = Math.max(-7.9f, Math.min(7.9f, g));
    float s = h * h;
    float p = -2.76076847742355e-16f;
    p = Math.fma(p, s, 2.00018790482477e-13f);
    p = Math.fma(p, s, -8.60467152213735e-11f);
    p = Math.fma(p, s, 5.12229709037114e-08f);
    p = Math.fma(p, s, 1.48572235717979e-05f);
    p = Math.fma(p, s, 6.37261928875436e-04f);
    p = Math.fma(p, s, 4.89352455891786e-03f);
    float q = 1.19825839466702e-06f;
    q = Math.fma(q, s, 1.18534705686654e-04f);
    q = Math.fma(q, s, 2.26843463243900e-03f);
    q = Math.fma(q, s, 4.89352518554385e-03f);
    return Math.fma(g, h * p / q, g);
  }
}
