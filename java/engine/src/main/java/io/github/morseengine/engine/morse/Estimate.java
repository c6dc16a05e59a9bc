package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.error.InvalidInputException;

/**
 * x_0 and epsilon as linear functions of the sample x and the raw estimate z at one time.
 *
 * @param startX factor of x in x_0
 * @param startZ factor of z in x_0
 * @param noiseX factor of x in epsilon
 * @param noiseZ factor of z in epsilon
 * @param guide factor of a classifier's gradient in z, so that epsilon changes by -sigma * gradient
 */
record Estimate(double startX, double startZ, double noiseX, double noiseZ, double guide) {

  /**
   * Of a model of velocities, v = noise - x_0 at x = (1 - sigma) x_0 + sigma * noise. A classifier
   * changes the noise by -sigma * gradient as elsewhere, and so v by -sigma / (1 - sigma) times it.
   *
   * @param sigma share of the noise, above 0 to 1
   */
  static Estimate ofFlow(double sigma) {
    return new Estimate(1, -sigma, 1, 1 - sigma, sigma < 1 ? -sigma / (1 - sigma) : 0);
  }

  /** With alpha = sqrt(alpha_bar) and sigma = sqrt(1 - alpha_bar). */
  static Estimate of(Prediction prediction, double alphaBar) {
    return of(prediction, Math.sqrt(alphaBar), Math.sqrt(1 - alphaBar));
  }

  /**
   * At x = alpha * x_0 + sigma * epsilon.
   *
   * @param alpha share of the signal
   * @param sigma share of the noise
   */
  static Estimate of(Prediction prediction, double alpha, double sigma) {
    return switch (prediction) {
      case EPSILON -> {
        if (alpha == 0) {
          throw new InvalidInputException(
              "an epsilon model cannot start where no signal is left (rescale_betas_zero_snr):"
                  + " use timestep_spacing leading or a v_prediction model");
        }
        yield new Estimate(1 / alpha, -sigma / alpha, 0, 1, -sigma);
      }
      case V -> new Estimate(alpha, -sigma, sigma, alpha, alpha == 0 ? 0 : -sigma / alpha);
      case SAMPLE ->
          new Estimate(0, 1, 1 / sigma, -alpha / sigma, alpha == 0 ? 0 : sigma * sigma / alpha);
    };
  }
}
