package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.backend.SampleUpdate.Factors;
import io.github.morseengine.engine.error.InvalidInputException;
import java.util.ArrayList;
import java.util.List;

/**
 * The reverse-time {@link VpSde}, with score = -epsilon / sigma and b = beta(t) / n for a run of n
 * predictor steps.
 *
 * <pre>
 *   Euler-Maruyama (ScoreSdeVpScheduler of diffusers):
 *     x' = x + b * x / 2 + b * score + sqrt(b) * noise
 *   reverse diffusion (Song et al. 2021, arXiv 2011.13456, equation 46):
 *     x' = (2 - sqrt(1 - b)) * x + b * score + sqrt(b) * noise,  b at most 0.999
 *   Langevin corrector before each predictor step (algorithm 5 there):
 *     x' = x + size * score + sqrt(2 * size) * noise
 *     size = 2 * alpha * (snr * |noise| / |score|)^2,  alpha = 1 - b
 * </pre>
 *
 * <p>Without noise a step follows the probability-flow ODE (appendix D.1 there): half of b * score.
 * A corrector always draws. With the corrector every second run of a model is a correction. Noise
 * is drawn at the last step, too, as diffusers does it, unless the mean is asked for.
 */
final class SdeSampler implements Sampler {

  private static final double MOST_BETA = 0.999;
  private static final double INFINITY = Double.POSITIVE_INFINITY;

  /**
   * Which of the methods.
   *
   * @param reverse reverse diffusion instead of Euler-Maruyama
   * @param corrector whether a Langevin step goes before each predictor step
   * @param mean whether the last step adds no noise
   */
  record Variant(boolean reverse, boolean corrector, boolean mean) {}

  private final String name;
  private final Variant variant;
  private final SchedulerConfig config;
  private final VpSde sde;

  SdeSampler(String name, SchedulerConfig given, Variant variant) {
    this.name = name;
    this.variant = variant;
    config = given.as(SchedulerClass.SDE_VP);
    sde = new VpSde(config);
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public Table table(int steps) {
    int n = variant.corrector() ? steps / 2 : steps;
    if (variant.corrector() && steps % 2 != 0) {
      throw new InvalidInputException(
          steps + " steps cannot be pairs of corrector and predictor: use an even number");
    }
    float[] times = sde.times(n);
    List<SamplerStep> out = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      VpSde.At at = sde.at(times[i]);
      double b = sde.beta(times[i]) / n;
      double limited = Math.min(b, MOST_BETA);
      Estimate e = at.level().estimate(config.prediction());
      double sigma = sde.deviation(times[i]);
      if (variant.corrector()) {
        Factors score = factors(e, 0, 1 / sigma, 1);
        double snr = config.number("snr") * Math.sqrt(1 - limited);
        out.add(new SamplerStep(at.timestep(), 1, e.guide(), score, false, snr));
      }
      double used = variant.reverse() ? limited : b;
      double drift = variant.reverse() ? 2 - Math.sqrt(1 - used) : 1 + used / 2;
      boolean quiet = variant.mean() && i == n - 1;
      double fresh = quiet ? 0 : Math.sqrt(used);
      out.add(
          SamplerStep.of(at.timestep(), e, factors(e, drift, used / sigma, fresh))
              .withStill(factors(e, drift, used / sigma / 2, 0)));
    }
    return new Table(1, out);
  }

  /** drift * x - share * epsilon + deviation * noise. */
  private static Factors factors(Estimate e, double drift, double share, double deviation) {
    double x = drift - share * e.noiseX();
    return Factors.of(0, 0, INFINITY, 0, x, -share * e.noiseZ(), deviation);
  }
}
