package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.backend.SampleUpdate.Factors;

/**
 * One run of a model and the update behind it: all that a sampler says about a step. It does not
 * depend on the sample, so that a whole run is known before it starts.
 *
 * @param timestep what the model is told; fractional where the sampler's times are (a model with
 *     integer timesteps gets the nearest)
 * @param scale the model sees scale * x (scale_model_input of diffusers), and so do the factors:
 *     the loop keeps the scaled sample
 * @param guide factor of a classifier's gradient in the estimate at guidance 1: what adds -sigma *
 *     gradient to the noise (Dhariwal and Nichol 2021, algorithm 2)
 * @param factors the update
 * @param still the update that leads to the same level without fresh noise; factors where they draw
 *     none, or where the method is nothing without it
 * @param thresholding whether the estimate of x_0 is cut to the picture's own quantile (see {@link
 *     Adaptation})
 * @param corrector signal-to-noise ratio of a Langevin step, whose size depends on the sample (see
 *     {@link Adaptation}); 0 for any other step
 */
public record SamplerStep(
    double timestep,
    double scale,
    double guide,
    Factors factors,
    Factors still,
    boolean thresholding,
    double corrector) {

  /** A step with this update and no other. */
  SamplerStep(
      double timestep,
      double scale,
      double guide,
      Factors factors,
      boolean thresholding,
      double corrector) {
    this(timestep, scale, guide, factors, factors, thresholding, corrector);
  }

  /** A step that neither scales the sample nor adapts to it. */
  static SamplerStep of(double timestep, Estimate estimate, Factors factors) {
    return new SamplerStep(timestep, 1, estimate.guide(), factors, false, 0);
  }

  /** The same step with an update that draws no noise. */
  SamplerStep withStill(Factors value) {
    return new SamplerStep(timestep, scale, guide, factors, value, thresholding, corrector);
  }

  /** The same step, which now draws no noise where it needs none. */
  SamplerStep stilled() {
    return new SamplerStep(timestep, scale, guide, still, still, thresholding, corrector);
  }

  /** The same step, thresholded where the configuration says so. */
  SamplerStep thresholded(SchedulerConfig config) {
    boolean asked = config.flag("thresholding") && factors.needsStart();
    return new SamplerStep(timestep, scale, guide, factors, still, asked, corrector);
  }
}
