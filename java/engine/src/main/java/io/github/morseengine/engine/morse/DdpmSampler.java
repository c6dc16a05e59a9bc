package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.backend.SampleUpdate.Factors;
import io.github.morseengine.engine.error.ModelFormatException;
import java.util.ArrayList;
import java.util.List;

/**
 * Ancestral sampling (Ho et al. 2020, arXiv 2006.11239, equation 7), as diffusers' DDPMScheduler:
 *
 * <pre>
 *   alpha = bar / bar',  beta = 1 - alpha
 *   x' = sqrt(bar') * beta / (1 - bar) * clip(x_0) + sqrt(alpha) * (1 - bar') / (1 - bar) * x
 *        + sqrt(variance) * noise
 *   variance = (1 - bar') / (1 - bar) * beta   (fixed_small),   beta   (fixed_large)
 * </pre>
 *
 * <p>bar is alpha_bar at the step's time and bar' at the next one; no noise at timestep 0. Without
 * noise a step keeps the noise that clip(x_0) leaves of x (DDIM's equation 12, deviation 0):
 *
 * <pre>
 *   x' = sqrt(bar') * clip(x_0) + sqrt((1 - bar') / (1 - bar)) * (x - sqrt(bar) * clip(x_0))
 * </pre>
 */
final class DdpmSampler implements Sampler {

  private static final double LEAST_VARIANCE = 1e-20;

  private final SchedulerConfig config;
  private final NoiseSchedule schedule;
  private final boolean large;

  DdpmSampler(SchedulerConfig given) {
    config = given.as(SchedulerClass.DDPM);
    schedule = new NoiseSchedule(config);
    String type = config.word("variance_type");
    large = type.equals("fixed_large");
    if (type.startsWith("learned")) {
      throw new ModelFormatException(
          "variance_type '"
              + type
              + "' is not supported by ddpm: use fixed_small, fixed_small_log or fixed_large");
    }
  }

  @Override
  public String name() {
    return "ddpm";
  }

  @Override
  public Table table(int steps) {
    int[] at = Spacing.timesteps(config, steps);
    List<SamplerStep> out = new ArrayList<>();
    for (int i = 0; i < steps; i++) {
      out.add(step(at[i], i + 1 < steps ? at[i + 1] : -1));
    }
    return new Table(1, out);
  }

  private SamplerStep step(int t, int next) {
    double bar = schedule.alphaBar(t);
    double barNext = next < 0 ? 1 : schedule.alphaBar(next);
    double alpha = bar / barNext;
    double beta = 1 - alpha;
    Estimate e = Estimate.of(config.prediction(), bar);
    double variance = large ? beta : Math.max((1 - barNext) / (1 - bar) * beta, LEAST_VARIANCE);
    Factors drawn =
        Factors.of(
            e.startX(),
            e.startZ(),
            Samplers.limit(config),
            Math.sqrt(barNext) * beta / (1 - bar),
            Math.sqrt(alpha) * (1 - barNext) / (1 - bar),
            0,
            t > 0 ? Math.sqrt(variance) : 0);
    return SamplerStep.of(t, e, drawn)
        .withStill(DdimSampler.followingCut(config, e, bar, barNext, 0))
        .thresholded(config);
  }
}
