package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.error.ModelFormatException;

/**
 * The table alpha_bar (alphas_cumprod of diffusers) in the precision that diffusers computes it in:
 * betas in float32, the product accumulated in double and rounded per entry. Immutable.
 */
public final class NoiseSchedule {

  private static final double MAX_BETA = 0.999;

  /** What diffusers' solvers leave of the signal where nothing is left (fp16's least number). */
  private static final float LEAST_SIGNAL = 0x1p-24f;

  private final float[] alphaBar;
  private final double last;

  /**
   * Computes the table.
   *
   * @param config its beta schedule
   * @throws ModelFormatException if a beta leaves the range 0 to 1
   */
  public NoiseSchedule(SchedulerConfig config) {
    float[] betas = betas(config);
    for (int i = 0; i < betas.length; i++) {
      if (!(betas[i] >= 0 && betas[i] <= 1)) {
        throw new ModelFormatException(
            "beta "
                + i
                + " is "
                + betas[i]
                + ", not between 0 and 1: correct beta_start, beta_end or trained_betas");
      }
    }
    if (config.flag("rescale_betas_zero_snr")) {
      betas = rescaleZeroSnr(betas);
    }
    alphaBar = product(betas);
    last = config.flag("set_alpha_to_one") ? 1 : alphaBar[0];
  }

  /**
   * sqrt((1 - alpha_bar) / alpha_bar) at every timestep: the deviation of the noise where the
   * signal is not scaled down.
   *
   * @param config its beta schedule
   * @return ascending deviations, float32 as in diffusers
   */
  static double[] sigmas(SchedulerConfig config) {
    float[] bar = new NoiseSchedule(config).alphaBar;
    if (config.flag("rescale_betas_zero_snr")) {
      bar[bar.length - 1] = LEAST_SIGNAL;
    }
    double[] out = new double[bar.length];
    for (int i = 0; i < out.length; i++) {
      out[i] = (float) Math.sqrt((1 - bar[i]) / bar[i]);
    }
    return out;
  }

  /**
   * The share of the signal's variance.
   *
   * @param timestep training timestep; below 0 means after the last step
   * @return alpha_bar
   */
  public double alphaBar(int timestep) {
    return timestep < 0 ? last : alphaBar[timestep];
  }

  /** {@return the number of training timesteps} */
  public int size() {
    return alphaBar.length;
  }

  private static float[] betas(SchedulerConfig c) {
    int n = c.trainSteps();
    float[] betas = new float[n];
    if (c.trainedBetas() != null) {
      for (int i = 0; i < n; i++) {
        betas[i] = c.trainedBetas().get(i).floatValue();
      }
      return betas;
    }
    double start = c.number("beta_start");
    double end = c.number("beta_end");
    switch (c.word("beta_schedule")) {
      case "linear" -> linspace(betas, start, end);
      case "scaled_linear" -> {
        linspace(betas, Math.sqrt(start), Math.sqrt(end));
        for (int i = 0; i < n; i++) {
          betas[i] *= betas[i];
        }
      }
      default -> {
        for (int i = 0; i < n; i++) {
          double beta = 1 - cosine((i + 1.0) / n) / cosine((double) i / n);
          betas[i] = (float) Math.min(beta, MAX_BETA);
        }
      }
    }
    return betas;
  }

  /** Nichol and Dhariwal 2021, equation 17. */
  private static double cosine(double t) {
    double c = Math.cos((t + 0.008) / 1.008 * Math.PI / 2);
    return c * c;
  }

  /** As torch.linspace: both ends exact, counted from the nearer one. */
  static void linspace(float[] out, double start, double end) {
    int n = out.length;
    float first = (float) start;
    float finish = (float) end;
    float step = n == 1 ? 0 : (finish - first) / (n - 1);
    for (int i = 0; i < n; i++) {
      out[i] = i < n / 2 ? first + step * i : finish - step * (n - i - 1);
    }
    if (n == 1) {
      out[0] = first;
    }
  }

  private static float[] product(float[] betas) {
    float[] out = new float[betas.length];
    double p = 1;
    for (int i = 0; i < out.length; i++) {
      p *= 1f - betas[i];
      out[i] = (float) p;
    }
    return out;
  }

  /** Lin et al. 2023 (arXiv 2305.08891), algorithm 1, in diffusers' arithmetic. */
  private static float[] rescaleZeroSnr(float[] betas) {
    float[] root = product(betas);
    int n = root.length;
    for (int i = 0; i < n; i++) {
      root[i] = (float) Math.sqrt(root[i]);
    }
    float first = root[0];
    float end = root[n - 1];
    float scale = first / (first - end);
    float[] bar = new float[n];
    for (int i = 0; i < n; i++) {
      float r = (root[i] - end) * scale;
      bar[i] = r * r;
    }
    float[] out = new float[n];
    out[0] = 1 - bar[0];
    for (int i = 1; i < n; i++) {
      out[i] = 1 - bar[i] / bar[i - 1];
    }
    return out;
  }
}
