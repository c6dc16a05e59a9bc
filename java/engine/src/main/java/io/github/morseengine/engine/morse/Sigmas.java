package io.github.morseengine.engine.morse;

/**
 * Ways to choose noise levels rather than times, as diffusers does it. A level is sigma / alpha:
 * the deviation of the noise where the signal is not scaled down. Stateless.
 */
final class Sigmas {

  /** Of Karras et al. 2022 (arXiv 2206.00364), table 1. */
  private static final double RHO = 7;

  private static final double LEAST = 1e-10;

  private Sigmas() {}

  /** Equation 5 of Karras et al.: equal steps in the seventh root, from most to least. */
  static double[] karras(double most, double least, int steps) {
    double high = Math.pow(most, 1 / RHO);
    double low = Math.pow(least, 1 / RHO);
    return ramp(steps, r -> Math.pow(high + r * (low - high), RHO));
  }

  /** Equal steps in the logarithm; what use_lu_lambdas of DPM-Solver asks for as well. */
  static double[] exponential(double most, double least, int steps) {
    double high = Math.log(most);
    double low = Math.log(least);
    return ramp(steps, r -> Math.exp(high + r * (low - high)));
  }

  private static double[] ramp(int steps, java.util.function.DoubleUnaryOperator f) {
    double[] out = new double[steps];
    for (int i = 0; i < steps; i++) {
      out[i] = f.applyAsDouble(steps == 1 ? 0 : (double) i / (steps - 1));
    }
    return out;
  }

  /**
   * The level at a time between two timesteps, linear as numpy.interp.
   *
   * @param table levels of all timesteps, ascending
   */
  static double at(double[] table, double time) {
    int low = Math.clamp((long) Math.floor(time), 0, table.length - 1);
    int high = Math.min(low + 1, table.length - 1);
    double w = Math.clamp(time - low, 0, 1);
    return table[low] + w * (table[high] - table[low]);
  }

  /**
   * The time of a level, linear in the logarithm between two timesteps. The logarithms of the table
   * are float32 as in diffusers: they decide which side of a timestep its own level falls on.
   *
   * @param table levels of all timesteps, ascending
   */
  static double time(double[] table, double sigma) {
    double wanted = Math.log(Math.max(sigma, LEAST));
    int low = 0;
    int high = table.length - 1;
    while (high - low > 1) {
      int middle = (low + high) >>> 1;
      if (log(table, middle) <= wanted) {
        low = middle;
      } else {
        high = middle;
      }
    }
    double first = log(table, low);
    double second = log(table, Math.min(low + 1, table.length - 1));
    return first == second ? low : low + Math.clamp((first - wanted) / (first - second), 0.0, 1.0);
  }

  private static float log(double[] table, int index) {
    return (float) Math.log(table[index]);
  }
}
