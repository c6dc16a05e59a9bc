package io.github.morseengine.engine.morse;

import java.util.ArrayList;
import java.util.List;

/**
 * Turns a number of steps into a table: which time each step asks a model at, and how the sample
 * moves then. A sampler never knows which model speaks. Immutable and safe for use by several
 * threads.
 */
public interface Sampler {

  /** {@return the name on the command line} */
  String name();

  /**
   * The table of a run.
   *
   * @param steps runs of a model; a method of two stages takes two for each of its steps
   * @return the table
   * @throws io.github.morseengine.engine.error.InvalidInputException if the sampler has no such run
   */
  Table table(int steps);

  /**
   * The rest of a run whose first steps are left out, as where it starts from a picture. Samplers
   * with a history start it anew there.
   *
   * @param steps runs of a model in all
   * @param skip how many to leave out
   * @return the table of the others
   */
  default Table table(int steps, int skip) {
    return table(steps).from(skip);
  }

  /**
   * How far the steps of a run stop short of where the next ones begin, and the last one of the
   * picture. So much noise is left that the eye hardly sees but a judge of pictures does.
   *
   * @param steps runs of a model
   * @return training timesteps, summed over the run; infinite where there is no such run
   */
  default double shortfall(int steps) {
    return 0;
  }

  /**
   * A run.
   *
   * @param initialScale deviation of the initial sample (init_noise_sigma of diffusers), before the
   *     first step's scale
   * @param steps the steps in order
   */
  record Table(double initialScale, List<SamplerStep> steps) {

    /** Copies the list. */
    public Table {
      steps = List.copyOf(steps);
    }

    /** {@return the number of steps} */
    public int count() {
      return steps.size();
    }

    /**
     * The rest of a run.
     *
     * @param skip steps to leave out at the beginning
     * @return the table of the others
     */
    Table from(int skip) {
      return skip == 0 ? this : new Table(initialScale, steps.subList(skip, steps.size()));
    }

    /**
     * The run with noise only where it is wanted.
     *
     * @param schedule which model sees the sample of each step
     * @param noise which steps draw noise
     * @return the table
     */
    Table of(Schedule schedule, FreshNoise noise) {
      if (noise == FreshNoise.EVERY_STEP) {
        return this;
      }
      List<SamplerStep> out = new ArrayList<>(steps);
      for (int i = 0; i + 1 < steps.size(); i++) {
        if (schedule.kind(i + 1) == StepKind.DOT) {
          out.set(i, steps.get(i).stilled());
        }
      }
      return new Table(initialScale, out);
    }

    /** {@return whether the same initial sample always leads to the same final one} */
    public boolean deterministic() {
      return steps.stream().allMatch(s -> s.factors().d() == 0 && s.corrector() == 0);
    }

    /**
     * What to divide a kept sample by.
     *
     * @param step a step, or the number of steps for the final sample
     * @return the scale
     */
    public double scale(int step) {
      return step < steps.size() ? steps.get(step).scale() : 1;
    }
  }
}
