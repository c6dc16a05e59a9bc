package io.github.morseengine.engine.backend.cpu;

import java.util.Arrays;

/**
 * From sums per channel to one factor and one summand per channel: with statistics over the groups
 * of x + pre, y = x * a + b is the whole normalisation (see {@link
 * io.github.morseengine.engine.ir.FusedOps#GROUP_NORM}). For one sample and one thread at a time.
 */
final class GroupNormCoefficients {

  /** Indices into the values per channel. */
  static final int GAMMA = 0;

  static final int BETA = 1;
  static final int PRE = 2;
  static final int MULTIPLIER = 3;
  static final int SHIFT = 4;

  private static final int VALUES = 5;

  /** Subtracted from x before its sums were taken. */
  final float[] origin;

  /** Sums of x - origin. */
  final float[] sum;

  /** Sums of (x - origin) squared. */
  final float[] squares;

  /** The five values of each channel; those that a norm does not have are neutral. */
  final float[][] values;

  /** The factors. */
  final float[] a;

  /** The summands. */
  final float[] b;

  GroupNormCoefficients(int channels) {
    origin = new float[channels];
    sum = new float[channels];
    squares = new float[channels];
    values = new float[VALUES][channels];
    Arrays.fill(values[GAMMA], 1);
    Arrays.fill(values[MULTIPLIER], 1);
    a = new float[channels];
    b = new float[channels];
  }

  /**
   * Fills {@link #a} and {@link #b}.
   *
   * @param groups number of groups
   * @param epsilon added to the variance
   * @param count elements that each sum is over
   */
  void compute(int groups, float epsilon, long count) {
    int size = a.length / groups;
    for (int g = 0; g < groups; g++) {
      group(g * size, (g + 1) * size, epsilon, 1.0 / count);
    }
  }

  private void group(int from, int to, float epsilon, double perPosition) {
    float[] k = origin;
    float[] s = sum;
    float[] q = squares;
    float[] pre = values[PRE];
    double mean = 0;
    for (int c = from; c < to; c++) {
      mean += k[c] + s[c] * perPosition + pre[c];
    }
    mean /= to - from;
    double variance = 0;
    for (int c = from; c < to; c++) {
      double own = s[c] * perPosition;
      double d = k[c] + own + pre[c] - mean;
      variance += q[c] * perPosition - own * own + d * d;
    }
    double rate = 1 / Math.sqrt(Math.max(0, variance / (to - from)) + epsilon);
    float[] gamma = values[GAMMA];
    float[] beta = values[BETA];
    float[] multiplier = values[MULTIPLIER];
    float[] shift = values[SHIFT];
    for (int c = from; c < to; c++) {
      double gain = gamma[c] * rate;
      double offset = beta[c] + (pre[c] - mean) * gain;
      double m = multiplier[c];
      a[c] = (float) (gain * m);
      b[c] = (float) (offset * m + shift[c]);
    }
  }
}
