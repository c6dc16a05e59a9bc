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

  private static final int CHUNK = 2048;
  private static final ValueLayout.OfFloat F = ValueLayout.JAVA_FLOAT;

  private final int width;
  private final int rows;
  private final float[] buffer;
  private final float[] factor;
  private final float[] summand;

  /** Buffers for rows of a width. */
  Rows(int width) {
    this.width = width;
    this.rows = Math.max(4, CHUNK / width);
    this.buffer = new float[rows * width];
    this.factor = new float[rows * width];
    this.summand = new float[rows * width];
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
    Arrays.fill(sum, 0, width, 0);
    Arrays.fill(squares, 0, width, 0);
    for (long r = from; r < to; r += rows) {
      int n = (int) Math.min(rows, to - r);
      MemorySegment.copy(x, F, 4 * r * width, buffer, 0, n * width);
      int i = 0;
      for (; i + 4 <= n; i += 4) {
        four(buffer, i * width, width, shift, sum, squares);
      }
      for (; i < n; i++) {
        one(buffer, i * width, width, shift, sum, squares);
      }
    }
  }

  private static void four(
      float[] v, int at, int width, float[] shift, float[] sum, float[] squares) {
    int at1 = at + width;
    int at2 = at1 + width;
    int at3 = at2 + width;
    for (int c = 0; c < width; c++) {
      float k = shift[c];
      float d0 = v[at + c] - k;
      float d1 = v[at1 + c] - k;
      float d2 = v[at2 + c] - k;
      float d3 = v[at3 + c] - k;
      sum[c] += (d0 + d1) + (d2 + d3);
      squares[c] += (d0 * d0 + d1 * d1) + (d2 * d2 + d3 * d3);
    }
  }

  private static void one(
      float[] v, int at, int width, float[] shift, float[] sum, float[] squares) {
    for (int c = 0; c < width; c++) {
      float d = v[at + c] - shift[c];
      sum[c] += d;
      squares[c] += d * d;
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
    for (int i = 0; i < most; i++) {
      System.arraycopy(a, 0, factor, i * width, width);
      System.arraycopy(b, 0, summand, i * width, width);
    }
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
      v[i] = v[i] * a[i] + b[i];
    }
  }

  private static void affineSilu(float[] v, float[] a, float[] b, int n) {
    for (int i = 0; i < n; i++) {
      v[i] = silu(v[i] * a[i] + b[i]);
    }
  }

  /**
   * x * sigmoid(x) = x / 2 * (1 + tanh(x / 2)), with tanh as a quotient of polynomials (minimax on
   * [-7.9, 7.9], as in Eigen), because it has no branch, no call and no change of type. Absolute
   * error below 2e-7 times max(1, |x|).
   */
  static float silu(float x) {
    float h = Math.max(-7.9f, Math.min(7.9f, 0.5f * x));
    float s = h * h;
    float p = -2.76076847742355e-16f;
    p = p * s + 2.00018790482477e-13f;
    p = p * s + -8.60467152213735e-11f;
    p = p * s + 5.12229709037114e-08f;
    p = p * s + 1.48572235717979e-05f;
    p = p * s + 6.37261928875436e-04f;
    p = p * s + 4.89352455891786e-03f;
    float q = 1.19825839466702e-06f;
    q = q * s + 1.18534705686654e-04f;
    q = q * s + 2.26843463243900e-03f;
    q = q * s + 4.89352518554385e-03f;
    return x * (0.5f + 0.5f * (h * p / q));
  }
}
