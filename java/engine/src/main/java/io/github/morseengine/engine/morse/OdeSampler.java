package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.backend.SampleUpdate.Factors;
import io.github.morseengine.engine.backend.SampleUpdate.Store;
import java.util.ArrayList;
import java.util.List;

/**
 * The probability-flow ODE of {@link VpSde} (Song et al. 2021, arXiv 2011.13456, equation 13), with
 * score = -epsilon / sigma:
 *
 * <pre>
 *   slope(x, t) = -beta(t) * (x + score) / 2
 *   Euler:  x' = x - slope(x, t) / n                over the times of ScoreSdeVpScheduler
 *   Heun:   y  = x + (t' - t) * slope(x, t)
 *           x' = x + (t' - t) * (slope(x, t) + slope(y, t')) / 2
 * </pre>
 *
 * <p>Heun runs a model twice per step, so n runs make n / 2 steps, which end at sampling_eps; where
 * n is odd the last one is a step of Euler.
 */
final class OdeSampler implements Sampler {

  private static final double INFINITY = Double.POSITIVE_INFINITY;

  private final String name;
  private final boolean heun;
  private final SchedulerConfig config;
  private final VpSde sde;

  OdeSampler(String name, SchedulerConfig given, boolean heun) {
    this.name = name;
    this.heun = heun;
    config = given.as(SchedulerClass.SDE_VP);
    sde = new VpSde(config);
  }

  @Override
  public String name() {
    return name;
  }

  /** The slope as factors of x and z, and where the model is asked. */
  private record Slope(VpSde.At at, Estimate estimate, double x, double z) {}

  private Slope slope(float t) {
    VpSde.At at = sde.at(t);
    Estimate e = at.level().estimate(config.prediction());
    double half = -sde.beta(t) / 2;
    double sigma = at.level().sigma();
    return new Slope(at, e, half * (1 - e.noiseX() / sigma), -half * e.noiseZ() / sigma);
  }

  private static SamplerStep step(Slope s, double x, double z) {
    return SamplerStep.of(s.at().timestep(), s.estimate(), Factors.of(0, 0, INFINITY, 0, x, z, 0));
  }

  @Override
  public Table table(int steps) {
    return new Table(1, heun ? heun(steps) : euler(steps));
  }

  private List<SamplerStep> euler(int steps) {
    List<SamplerStep> out = new ArrayList<>();
    for (float t : sde.times(steps)) {
      Slope s = slope(t);
      out.add(step(s, 1 - s.x() / steps, -s.z() / steps));
    }
    return out;
  }

  private List<SamplerStep> heun(int steps) {
    int n = (steps + 1) / 2;
    float[] times = sde.times(n + 1);
    List<SamplerStep> out = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      double dt = (double) times[i + 1] - times[i];
      Slope s = slope(times[i]);
      SamplerStep first = step(s, 1 + dt * s.x(), dt * s.z());
      if (2 * i + 1 == steps) {
        out.add(first);
        break;
      }
      Store half = new Store(0, 1 + dt / 2 * s.x(), 0, dt / 2 * s.z());
      out.add(SamplerStep.of(s.at().timestep(), s.estimate(), first.factors().withStore(half)));
      Slope r = slope(times[i + 1]);
      Factors second = Factors.of(0, 0, INFINITY, 0, dt / 2 * r.x(), dt / 2 * r.z(), 0);
      out.add(SamplerStep.of(r.at().timestep(), r.estimate(), second.withHistory(1, 0, 0)));
    }
    return out;
  }
}
