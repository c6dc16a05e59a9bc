package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.error.ModelFormatException;

/**
 * The table alpha_bar (alphas_cumprod of diffusers) in the precision that diffusers computes it in:
 * betas in float32, the product accumulated in double and rounded per entry. Immutable.
 */
public final class NoiseSchedule {

  private static final double MAX_BETA = 0.999;

  private final float[] alphaBar;
  private final double last;

  /**
   * Computes the table.
   *
   * @param config its beta schedule
   * @throws ModelFormatException if it is unknown or leaves the range 0 to 1
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
    if (config.rescaleZeroSnr()) {
      betas = rescaleZeroSnr(betas);
    }
    alphaBar = product(betas);
    last = config.setAlphaToOne() ? 1 : alphaBar[0];
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
    switch (c.betaSchedule()) {
      case "linear" -> linspace(betas, c.betaStart(), c.betaEnd());
      case "scaled_linear" -> {
        linspace(betas, Math.sqrt(c.betaStart()), Math.sqrt(c.betaEnd()));
        for (int i = 0; i < n; i++) {
          betas[i] *= betas[i];
        }
      }
      case "squaredcos_cap_v2" -> {
        for (int i = 0; i < n; i++) {
          double beta = 1 - cosine((i + 1.0) / n) / cosine((double) i / n);
          betas[i] = (float) Math.min(beta, MAX_BETA);
        }
      }
      default ->
          throw new ModelFormatException(
              "beta_schedule '"
                  + c.betaSchedule()
                  + "' is not supported: use linear, scaled_linear or squaredcos_cap_v2");
    }
    return betas;
  }

  /** Nichol and Dhariwal 2021, equation 17. */
  private static double cosine(double t) {
    double c = Math.cos((t + 0.008) / 1.008 * Math.PI / 2);
    return c * c;
  }

  /** As torch.linspace: both ends exact, counted from the nearer one. */
  private static void linspace(float[] out, double start, double end) {
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
