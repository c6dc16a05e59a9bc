package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.backend.SampleUpdate.Factors;

/**
 * Turns an estimate into the next sample. A sampler never knows which model spoke, and always gets
 * both times of a step. Immutable and safe for use by several threads.
 */
public interface Sampler {

  /** {@return the name on the command line} */
  String name();

  /**
   * The times of a run.
   *
   * @param steps number of steps
   * @return descending training timesteps, and behind each the time that it leads to (below 0:
   *     done)
   */
  Times times(int steps);

  /**
   * The factors of a step.
   *
   * @param t time of the sample
   * @param next time to go to; below 0 means the end
   * @return factors; {@code d} is 0 where the step takes no noise
   */
  Factors step(int t, int next);

  /**
   * Times of a run.
   *
   * @param at the time of each step
   * @param next where each step leads
   */
  record Times(int[] at, int[] next) {

    /** {@return the number of steps} */
    public int count() {
      return at.length;
    }
  }
}
