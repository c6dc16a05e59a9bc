package io.github.morseengine.engine.backend.cpu;

import java.lang.foreign.MemorySegment;

/**
 * Inner loops over rows of channels (channels innermost). The vector implementation needs the
 * incubator module jdk.incubator.vector; the scalar one is its reference and its fallback.
 */
interface RowKernels {

  /** Chooses the vector loops where the JVM was started with them. */
  static RowKernels best(boolean vectors) {
    return vectors ? new VectorRows() : new ScalarRows();
  }

  /** {@return a name for reports} */
  String label();

  /**
   * Sums per channel of d = x - shift[c], and of d squared.
   *
   * @param x float32 rows
   * @param base byte offset of the first row
   * @param rows number of rows
   * @param width channels of a row
   * @param from first channel
   * @param to end channel
   * @param shift subtracted per channel, so that squares do not cancel
   * @param sum receives the sums
   * @param squares receives the sums of squares
   */
  void sums(
      MemorySegment x,
      long base,
      int rows,
      int width,
      int from,
      int to,
      float[] shift,
      float[] sum,
      float[] squares);

  /**
   * y = act(x * a[c] + b[c]).
   *
   * @param x float32 rows
   * @param y float32 rows of the same shape
   * @param base byte offset of the first row in both
   * @param rows number of rows
   * @param width channels of a row
   * @param from first channel
   * @param to end channel
   * @param a factor per channel
   * @param b summand per channel
   * @param silu whether act is SiLU, else nothing
   */
  void affine(
      MemorySegment x,
      MemorySegment y,
      long base,
      int rows,
      int width,
      int from,
      int to,
      float[] a,
      float[] b,
      boolean silu);
}
