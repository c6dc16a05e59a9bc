package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.backend.SampleUpdate.Factors;
import io.github.morseengine.engine.error.ModelFormatException;

/** Ancestral sampling (Ho et al. 2020, equation 7), as diffusers' DDPMScheduler. */
final class DdpmSampler implements Sampler {

  private static final double LEAST_VARIANCE = 1e-20;

  private final SchedulerConfig config;
  private final NoiseSchedule schedule;

  DdpmSampler(SchedulerConfig config) {
    this.config = config;
    this.schedule = new NoiseSchedule(config);
    switch (config.varianceType()) {
      case "fixed_small", "fixed_small_log", "fixed_large" -> {
        // These are known.
      }
      default ->
          throw new ModelFormatException(
              "variance_type '"
                  + config.varianceType()
                  + "' is not supported by ddpm: use fixed_small, fixed_small_log or fixed_large");
    }
  }

  @Override
  public String name() {
    return "ddpm";
  }

  @Override
  public Times times(int steps) {
    int[] at = Spacing.timesteps(config, steps);
    int[] next = new int[steps];
    for (int i = 0; i < steps; i++) {
      next[i] = i + 1 < steps ? at[i + 1] : -1;
    }
    return new Times(at, next);
  }

  @Override
  public Factors step(int t, int next) {
    double bar = schedule.alphaBar(t);
    double barNext = next < 0 ? 1 : schedule.alphaBar(next);
    double alpha = bar / barNext;
    double beta = 1 - alpha;
    Estimate e = Estimate.of(config.prediction(), bar);
    double variance =
        config.varianceType().equals("fixed_large")
            ? beta
            : Math.max((1 - barNext) / (1 - bar) * beta, LEAST_VARIANCE);
    return new Factors(
        e.startX(),
        e.startZ(),
        Samplers.limit(config),
        Math.sqrt(barNext) * beta / (1 - bar),
        Math.sqrt(alpha) * (1 - barNext) / (1 - bar),
        0,
        t > 0 ? Math.sqrt(variance) : 0);
  }
}
