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

  private final double[] mean;
  private final double[] variance;
  private final float[] rate;
  private final float[] center;

  GroupNormCoefficients(int channels) {
    origin = new float[channels];
    sum = new float[channels];
    squares = new float[channels];
    values = new float[VALUES][channels];
    Arrays.fill(values[GAMMA], 1);
    Arrays.fill(values[MULTIPLIER], 1);
    a = new float[channels];
    b = new float[channels];
    mean = new double[channels];
    variance = new double[channels];
    rate = new float[channels];
    center = new float[channels];
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
    perChannel(origin, sum, squares, values[PRE], 1.0 / count, mean, variance);
    for (int g = 0; g < groups; g++) {
      group(g * size, (g + 1) * size, epsilon);
    }
    combine(values, rate, center, a, b);
  }

  /** Loops over all channels are vectorised; over those of a group they would be too short. */
  private static void perChannel(
      float[] k,
      float[] s,
      float[] q,
      float[] pre,
      double perPosition,
      double[] mean,
      double[] variance) {
    for (int c = 0; c < mean.length; c++) {
      double own = s[c] * perPosition;
      mean[c] = k[c] + own + pre[c];
      variance[c] = q[c] * perPosition - own * own;
    }
  }

  private void group(int from, int to, float epsilon) {
    double m = 0;
    for (int c = from; c < to; c++) {
      m += mean[c];
    }
    m /= to - from;
    double v = 0;
    for (int c = from; c < to; c++) {
      double d = mean[c] - m;
      v += variance[c] + d * d;
    }
    double r = 1 / Math.sqrt(Math.max(0, v / (to - from)) + epsilon);
    for (int c = from; c < to; c++) {
      rate[c] = (float) r;
      center[c] = (float) m;
    }
  }

  private static void combine(
      float[][] values, float[] rate, float[] center, float[] a, float[] b) {
    float[] gamma = values[GAMMA];
    float[] beta = values[BETA];
    float[] pre = values[PRE];
    float[] multiplier = values[MULTIPLIER];
    float[] shift = values[SHIFT];
    for (int c = 0; c < a.length; c++) {
      float gain = gamma[c] * rate[c];
      float offset = Math.fma(pre[c] - center[c], gain, beta[c]);
      a[c] = gain * multiplier[c];
      b[c] = Math.fma(offset, multiplier[c], shift[c]);
    }
  }
}
