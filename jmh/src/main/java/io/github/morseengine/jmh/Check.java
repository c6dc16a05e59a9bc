package io.github.morseengine.jmh;

import io.github.morseengine.engine.tensor.Tensor;

/** Compares results before anything is timed: a fast wrong answer is no result. */
public final class Check {

  private Check() {}

  /**
   * Compares with a reference, relative to the reference's largest element.
   *
   * @param what for the message
   * @param actual the result
   * @param expected the reference
   * @param tolerance largest difference allowed, as a share of the largest element
   * @return the largest difference as a share of the largest element
   * @throws IllegalStateException if the difference is larger, or not a number
   */
  public static double near(String what, float[] actual, float[] expected, double tolerance) {
    if (actual.length != expected.length) {
      throw new IllegalStateException(
          what + ": " + actual.length + " elements, expected " + expected.length);
    }
    double scale = 0;
    double worst = 0;
    for (int i = 0; i < actual.length; i++) {
      scale = Math.max(scale, Math.abs(expected[i]));
      double d = Math.abs((double) actual[i] - expected[i]);
      worst = d <= worst ? worst : d;
    }
    double error = worst / Math.max(scale, Float.MIN_NORMAL);
    if (!(error <= tolerance)) {
      throw new IllegalStateException(
          what + ": differs from the reference by " + error + " of its largest element");
    }
    return error;
  }

  /**
   * Fills memory with NaN, so that an output that is never written shows.
   *
   * @param output a floating-point tensor
   */
  public static void poison(Tensor output) {
    for (long i = 0; i < output.elements(); i++) {
      output.setDouble(i, Double.NaN);
    }
  }
}
