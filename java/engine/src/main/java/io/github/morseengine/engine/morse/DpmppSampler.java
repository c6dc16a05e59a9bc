package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.error.ModelFormatException;
import java.util.ArrayList;
import java.util.List;

/**
 * {@link DpmSolver} on training timesteps, as diffusers' DPMSolverMultistepScheduler: spacings,
 * Karras, exponential and Lu's levels, lambda_min_clipped and final_sigmas_type.
 */
final class DpmppSampler implements Sampler {

  /** Of a time, since the logarithms behind it are float32. */
  private static final double ROUNDING = 1e-4;

  private final String name;
  private final SchedulerConfig config;
  private final DpmSolver solver;
  private final double[] sigmas;

  /**
   * Reads the configuration.
   *
   * @param order 1 to 3; 0 for the configuration's
   * @param stochastic whether to use the stochastic kind whatever the configuration says
   */
  DpmppSampler(String name, SchedulerConfig given, int order, boolean stochastic) {
    this.name = name;
    config = given.as(SchedulerClass.DPM_SOLVER);
    solver = new DpmSolver(config, order == 0 ? config.whole("solver_order") : order, stochastic);
    sigmas = NoiseSchedule.sigmas(config);
    if (!solver.estimatesStart() && config.word("final_sigmas_type").equals("zero")) {
      throw new ModelFormatException(
          "algorithm_type "
              + solver.algorithm()
              + " cannot go to final_sigmas_type zero: set final_sigmas_type to sigma_min");
    }
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public Table table(int steps) {
    return table(steps, 0);
  }

  @Override
  public Table table(int steps, int skip) {
    double most = sigmas[sigmas.length - 1];
    double least = sigmas[0];
    double[] times;
    double[] chosen;
    if (config.flag("use_karras_sigmas")) {
      chosen = Sigmas.karras(most, least, steps);
      times = times(chosen, true);
    } else if (config.flag("use_lu_lambdas")) {
      chosen = Sigmas.exponential(most, least, steps);
      times = times(chosen, true);
    } else if (config.flag("use_exponential_sigmas")) {
      chosen = Sigmas.exponential(most, least, steps);
      times = times(chosen, false);
    } else {
      times = spaced(steps);
      chosen = new double[steps];
      for (int i = 0; i < steps; i++) {
        chosen[i] = Sigmas.at(sigmas, times[i]);
      }
    }
    List<Level> levels = new ArrayList<>();
    for (double sigma : chosen) {
      levels.add(Level.ofRatio((float) sigma));
    }
    levels.add(Level.ofRatio(config.word("final_sigmas_type").equals("zero") ? 0 : least));
    return new Table(1, solver.steps(times, levels, skip));
  }

  /** Whole timesteps; diffusers rounds them only where the betas are no cosine. */
  private double[] times(double[] chosen, boolean rounds) {
    boolean nearest = rounds && !config.word("beta_schedule").equals("squaredcos_cap_v2");
    double[] out = new double[chosen.length];
    for (int i = 0; i < out.length; i++) {
      double t = Sigmas.time(sigmas, chosen[i]);
      // The level of a timestep itself must not fall below it by rounding.
      boolean whole = Math.abs(t - Math.rint(t)) < ROUNDING;
      out[i] = nearest || whole ? Math.rint(t) : Math.floor(t);
    }
    return out;
  }

  /** One time more than steps is spread, and the last one left out, but for trailing. */
  private double[] spaced(int steps) {
    int train = config.trainSteps();
    int last = train - cutOff();
    if (steps > last) {
      throw new InvalidInputException(
          steps + " steps are more than the " + last + " timesteps of the model: use fewer");
    }
    double[] out = new double[steps];
    for (int i = 0; i < steps; i++) {
      int ascending = steps - i;
      out[i] =
          switch (config.word("timestep_spacing")) {
            case "linspace" ->
                ascending == steps ? last - 1 : Math.rint(ascending * ((last - 1.0) / steps));
            case "leading" ->
                ascending * (double) (last / (steps + 1)) + config.whole("steps_offset");
            default -> Math.rint(last - i * ((double) train / steps)) - 1;
          };
      if (out[i] < 0 || out[i] >= train) {
        throw new InvalidInputException(
            steps
                + " steps with timestep_spacing "
                + config.word("timestep_spacing")
                + " visit timestep "
                + (long) out[i]
                + ", but the model knows 0 to "
                + (train - 1)
                + ": use fewer steps or timestep_spacing linspace");
      }
    }
    return out;
  }

  /** How many of the noisiest timesteps lie below lambda_min_clipped. */
  private int cutOff() {
    double least = config.number("lambda_min_clipped");
    int cut = 0;
    while (cut < sigmas.length && -Math.log(sigmas[sigmas.length - 1 - cut]) < least) {
      cut++;
    }
    return cut;
  }
}
