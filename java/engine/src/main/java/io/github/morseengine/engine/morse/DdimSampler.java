package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.backend.SampleUpdate.Factors;
import java.util.ArrayList;
import java.util.List;

/**
 * DDIM (Song et al. 2021, arXiv 2010.02502, equations 12 and 16), as diffusers' DDIMScheduler:
 *
 * <pre>
 *   deviation = eta * sqrt((1 - bar') / (1 - bar) * (1 - bar / bar'))
 *   x' = sqrt(bar') * clip(x_0) + sqrt(1 - bar' - deviation^2) * epsilon + deviation * noise
 * </pre>
 *
 * <p>bar is alpha_bar at the step's time and bar' at the one that it leads to. As in diffusers
 * epsilon is not changed by the cut, unless the variant {@code clipped} asks for the epsilon that
 * clip(x_0) leaves (use_clipped_model_output of diffusers):
 *
 * <pre>
 *   epsilon = (x - sqrt(bar) * clip(x_0)) / sqrt(1 - bar)
 * </pre>
 *
 * <p>Otherwise what every step cuts off stays in x, and many short steps of guided runs, whose
 * estimates leave the range often, add it up.
 */
final class DdimSampler implements Sampler {

  private final SchedulerConfig config;
  private final NoiseSchedule schedule;
  private final double eta;
  private final boolean clipped;

  DdimSampler(SchedulerConfig given, double eta, boolean clipped) {
    this.config = given.as(SchedulerClass.DDIM);
    this.schedule = new NoiseSchedule(config);
    this.eta = eta;
    this.clipped = clipped;
  }

  @Override
  public String name() {
    return clipped ? "ddim:clipped" : "ddim";
  }

  /** A step leads train / steps timesteps down whatever the spacing, as in diffusers. */
  @Override
  public Table table(int steps) {
    List<SamplerStep> out = new ArrayList<>();
    for (int t : Spacing.timesteps(config, steps)) {
      out.add(step(t, t - config.trainSteps() / steps));
    }
    return new Table(1, out);
  }

  /**
   * A step of a whole number of timesteps may be too short: with trailing spacing 10 steps of 100
   * lead past time 0, but 11 of 90 leave 10 of 1000.
   */
  @Override
  public double shortfall(int steps) {
    if (steps > config.trainSteps()) {
      return Double.POSITIVE_INFINITY;
    }
    int[] at = Spacing.timesteps(config, steps);
    int length = config.trainSteps() / steps;
    double sum = 0;
    for (int i = 0; i < steps; i++) {
      int next = i + 1 < steps ? at[i + 1] : -1;
      sum += Math.abs(Math.max(at[i] - length, -1) - next);
    }
    return sum;
  }

  private SamplerStep step(int t, int next) {
    double bar = schedule.alphaBar(t);
    double barNext = schedule.alphaBar(next);
    Estimate e = Estimate.of(config.prediction(), bar);
    double variance = (1 - barNext) / (1 - bar) * (1 - bar / barNext);
    double deviation = eta * Math.sqrt(Math.max(0, variance));
    return SamplerStep.of(t, e, factors(e, bar, barNext, deviation))
        .withStill(factors(e, bar, barNext, 0))
        .thresholded(config);
  }

  private static double direction(double barNext, double deviation) {
    return Math.sqrt(Math.max(0, 1 - barNext - deviation * deviation));
  }

  /** A step with the epsilon that clip(x_0) leaves of x. */
  static Factors followingCut(
      SchedulerConfig config, Estimate e, double bar, double barNext, double deviation) {
    double kept = direction(barNext, deviation) / Math.sqrt(1 - bar);
    double start = Math.sqrt(barNext) - kept * Math.sqrt(bar);
    return Factors.of(e.startX(), e.startZ(), Samplers.limit(config), start, kept, 0, deviation);
  }

  private Factors factors(Estimate e, double bar, double barNext, double deviation) {
    if (clipped) {
      return followingCut(config, e, bar, barNext, deviation);
    }
    double direction = direction(barNext, deviation);
    return Factors.of(
        e.startX(),
        e.startZ(),
        Samplers.limit(config),
        Math.sqrt(barNext),
        direction * e.noiseX(),
        direction * e.noiseZ(),
        deviation);
  }
}
