package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.backend.SampleUpdate.Factors;

/** DDIM (Song et al. 2021, equations 12 and 16), as diffusers' DDIMScheduler. */
final class DdimSampler implements Sampler {

  private final SchedulerConfig config;
  private final NoiseSchedule schedule;
  private final double eta;

  DdimSampler(SchedulerConfig config, double eta) {
    this.config = config;
    this.schedule = new NoiseSchedule(config);
    this.eta = eta;
  }

  @Override
  public String name() {
    return "ddim";
  }

  /** A step leads train / steps timesteps down whatever the spacing, as in diffusers. */
  @Override
  public Times times(int steps) {
    int[] at = Spacing.timesteps(config, steps);
    int[] next = new int[steps];
    for (int i = 0; i < steps; i++) {
      next[i] = at[i] - config.trainSteps() / steps;
    }
    return new Times(at, next);
  }

  @Override
  public Factors step(int t, int next) {
    double bar = schedule.alphaBar(t);
    double barNext = schedule.alphaBar(next);
    Estimate e = Estimate.of(config.prediction(), bar);
    double variance = (1 - barNext) / (1 - bar) * (1 - bar / barNext);
    double deviation = eta * Math.sqrt(Math.max(0, variance));
    double direction = Math.sqrt(Math.max(0, 1 - barNext - deviation * deviation));
    return new Factors(
        e.startX(),
        e.startZ(),
        Samplers.limit(config),
        Math.sqrt(barNext),
        direction * e.noiseX(),
        direction * e.noiseZ(),
        deviation);
  }
}
