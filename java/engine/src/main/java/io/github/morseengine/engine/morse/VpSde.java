package io.github.morseengine.engine.morse;

/**
 * The variance-preserving SDE dx = -beta(t) x / 2 dt + sqrt(beta(t)) dw with beta(t) = beta_min + t
 * * (beta_max - beta_min) on times from 1 to sampling_eps (Song et al. 2021, arXiv 2011.13456,
 * equations 29 and 32), and which training time of a model belongs to which time of the SDE.
 *
 * <p>Where the configuration has no beta_min, the SDE is the limit of its discrete schedule:
 * beta_min = num_train_timesteps * beta_start, beta_max likewise. A model with a linear schedule is
 * asked at t * (num_train_timesteps - 1), a fraction. A model trained on other levels of noise
 * (cosine, say) is asked at that of its training timesteps whose signal-to-noise ratio is nearest
 * to the SDE's: both are variance preserving, so its estimate is as good there. Immutable.
 */
final class VpSde {

  private static final double STANDARD_MIN = 0.1;
  private static final double STANDARD_MAX = 20;

  private final int trainSteps;
  private final double betaMin;
  private final double betaMax;
  private final double end;
  private final double[] sigmas;

  VpSde(SchedulerConfig config) {
    trainSteps = config.trainSteps();
    boolean linear = config.trainedBetas() == null && config.word("beta_schedule").equals("linear");
    boolean given = config.has("beta_min") || config.has("beta_max");
    boolean discrete = !given && linear && config.has("beta_start") && config.has("beta_end");
    betaMin =
        discrete
            ? trainSteps * config.number("beta_start")
            : config.number("beta_min", STANDARD_MIN);
    betaMax =
        discrete ? trainSteps * config.number("beta_end") : config.number("beta_max", STANDARD_MAX);
    end = config.number("sampling_eps");
    sigmas =
        given || linear && !config.flag("rescale_betas_zero_snr")
            ? null
            : NoiseSchedule.sigmas(config);
  }

  /** Times from 1 down to sampling_eps, as torch.linspace. */
  float[] times(int count) {
    float[] out = new float[count];
    NoiseSchedule.linspace(out, 1, end);
    return out;
  }

  double beta(float t) {
    return (float) betaMin + t * (float) (betaMax - betaMin);
  }

  /**
   * A time of the SDE in the model's terms.
   *
   * @param timestep what the model is told
   * @param level the level of noise that it then expects
   */
  record At(double timestep, Level level) {}

  At at(float t) {
    double bar = Math.exp(2 * logMean(t));
    if (sigmas == null) {
      return new At(t * (float) (trainSteps - 1), Level.ofAlphaBar(bar));
    }
    double time = Math.rint(Sigmas.time(sigmas, Math.sqrt((1 - bar) / bar)));
    return new At(time, Level.ofRatio(sigmas[(int) time]));
  }

  /**
   * The share of the noise by which diffusers divides an estimate. It computes 1 - exp(-tiny) in
   * float32, which is off by 1e-3 near the end, and so must this be.
   */
  double deviation(float t) {
    if (sigmas != null) {
      return at(t).level().sigma();
    }
    float spread = (float) (betaMax - betaMin);
    float log = -0.25f * (t * t) * spread - 0.5f * t * (float) betaMin;
    return (float) Math.sqrt(1f - (float) Math.exp(2f * log));
  }

  private double logMean(double t) {
    return -0.25 * t * t * (betaMax - betaMin) - 0.5 * t * betaMin;
  }
}
