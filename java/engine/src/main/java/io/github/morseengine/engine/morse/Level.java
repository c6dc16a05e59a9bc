package io.github.morseengine.engine.morse;

/**
 * How much signal and noise a sample holds: x = alpha * x_0 + sigma * epsilon with alpha^2 +
 * sigma^2 = 1.
 *
 * @param alpha share of the signal
 * @param sigma share of the noise
 */
record Level(double alpha, double sigma) {

  /**
   * The level where sigma / alpha has a value.
   *
   * @param ratio the value; 0 is the end of a run
   */
  static Level ofRatio(double ratio) {
    double alpha = 1 / Math.sqrt(1 + ratio * ratio);
    return new Level(alpha, ratio * alpha);
  }

  static Level ofAlphaBar(double alphaBar) {
    return new Level(Math.sqrt(alphaBar), Math.sqrt(1 - alphaBar));
  }

  /** Half the logarithm of the signal-to-noise ratio; infinite at the end of a run. */
  double lambda() {
    return Math.log(alpha) - Math.log(sigma);
  }

  Estimate estimate(Prediction prediction) {
    return Estimate.of(prediction, alpha, sigma);
  }
}
