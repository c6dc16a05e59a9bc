package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.backend.SampleUpdate.Factors;
import io.github.morseengine.engine.error.InvalidInputException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Euler's method where the signal is not scaled down (Karras et al. 2022, arXiv 2206.00364,
 * algorithm 1 without churn), as diffusers' EulerDiscreteScheduler:
 *
 * <pre>
 *   x' = x + (sigma' - sigma) * (x - x_0) / sigma
 *   the model sees x / sqrt(sigma^2 + 1), at fractional times
 * </pre>
 */
final class EulerSampler implements Sampler {

  private final SchedulerConfig config;
  private final double[] table;

  EulerSampler(SchedulerConfig given) {
    config = given.as(SchedulerClass.EULER);
    table = NoiseSchedule.sigmas(config);
  }

  @Override
  public String name() {
    return "euler";
  }

  @Override
  public Table table(int steps) {
    double[] times = spaced(steps);
    double[] sigmas = new double[steps + 1];
    sigmas[steps] = config.word("final_sigmas_type").equals("zero") ? 0 : table[0];
    if (config.word("interpolation_type").equals("linear")) {
      for (int i = 0; i < steps; i++) {
        sigmas[i] = Sigmas.at(table, times[i]);
      }
    } else {
      // One level more than steps: the run then ends at the least of the schedule.
      sigmas = Sigmas.exponential(table[table.length - 1], table[0], steps + 1);
    }
    boolean karras = config.flag("use_karras_sigmas");
    if (karras || config.flag("use_exponential_sigmas")) {
      int last = config.word("interpolation_type").equals("linear") ? steps - 1 : steps;
      double most = config.number("sigma_max", sigmas[0]);
      double least = config.number("sigma_min", sigmas[last]);
      double[] chosen =
          karras ? Sigmas.karras(most, least, steps) : Sigmas.exponential(most, least, steps);
      sigmas = Arrays.copyOf(chosen, steps + 1);
      sigmas[steps] = config.word("final_sigmas_type").equals("zero") ? 0 : table[0];
      for (int i = 0; i < steps; i++) {
        times[i] = Sigmas.time(table, chosen[i]);
      }
    }
    return new Table(initialScale(sigmas), steps(times, sigmas));
  }

  private List<SamplerStep> steps(double[] times, double[] sigmas) {
    boolean continuous =
        config.word("timestep_type").equals("continuous") && config.prediction() == Prediction.V;
    List<SamplerStep> out = new ArrayList<>();
    for (int i = 0; i < times.length; i++) {
      float sigma = (float) sigmas[i];
      Level level = Level.ofRatio(sigma);
      boolean last = i + 1 == times.length;
      double next = (float) sigmas[i + 1];
      double scale = last ? 1 : Level.ofRatio(next).alpha();
      double keep = next / sigma;
      Estimate e = level.estimate(config.prediction());
      Factors f =
          Factors.of(
              e.startX(),
              e.startZ(),
              Double.POSITIVE_INFINITY,
              scale * (1 - keep),
              scale * keep / level.alpha(),
              0,
              0);
      double time = continuous ? 0.25 * Math.log(sigma) : (float) times[i];
      out.add(new SamplerStep(time, level.alpha(), e.guide(), f, false, 0));
    }
    return out;
  }

  private double initialScale(double[] sigmas) {
    double most = Arrays.stream(sigmas).max().orElseThrow();
    boolean leading = config.word("timestep_spacing").equals("leading");
    return leading ? Math.sqrt(most * most + 1) : most;
  }

  /** Descending, and fractional for linspace. */
  private double[] spaced(int steps) {
    int train = config.trainSteps();
    int offset = config.whole("steps_offset");
    double[] out = new double[steps];
    for (int i = 0; i < steps; i++) {
      int ascending = steps - 1 - i;
      out[i] =
          switch (config.word("timestep_spacing")) {
            case "linspace" -> steps == 1 ? 0 : (float) (ascending * ((train - 1.0) / (steps - 1)));
            case "leading" -> ascending * (double) (train / steps) + offset;
            default -> Math.rint(train - i * ((double) train / steps)) - 1;
          };
      if (out[i] >= train) {
        throw new InvalidInputException(
            steps
                + " steps with steps_offset "
                + offset
                + " begin at timestep "
                + (long) out[i]
                + ", but the model knows 0 to "
                + (train - 1)
                + ": use fewer steps");
      }
    }
    if (steps > train) {
      throw new InvalidInputException(
          steps + " steps are more than the " + train + " timesteps of the model: use fewer");
    }
    return out;
  }
}
