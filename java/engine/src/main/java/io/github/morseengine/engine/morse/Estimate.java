package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.error.InvalidInputException;

/**
 * x_0 and epsilon as linear functions of the sample x and the raw estimate z at one time.
 *
 * @param startX factor of x in x_0
 * @param startZ factor of z in x_0
 * @param noiseX factor of x in epsilon
 * @param noiseZ factor of z in epsilon
 */
record Estimate(double startX, double startZ, double noiseX, double noiseZ) {

  /** With alpha = sqrt(alpha_bar) and sigma = sqrt(1 - alpha_bar). */
  static Estimate of(Prediction prediction, double alphaBar) {
    double alpha = Math.sqrt(alphaBar);
    double sigma = Math.sqrt(1 - alphaBar);
    return switch (prediction) {
      case EPSILON -> {
        if (alpha == 0) {
          throw new InvalidInputException(
              "an epsilon model cannot start where no signal is left (rescale_betas_zero_snr):"
                  + " use timestep_spacing leading or a v_prediction model");
        }
        yield new Estimate(1 / alpha, -sigma / alpha, 0, 1);
      }
      case V -> new Estimate(alpha, -sigma, sigma, alpha);
      case SAMPLE -> new Estimate(0, 1, 1 / sigma, -alpha / sigma);
    };
  }
}
