package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.error.InvalidInputException;

/** Which training timesteps a run visits (Lin et al. 2023, arXiv 2305.08891, table 2). */
final class Spacing {

  private Spacing() {}

  /** Descending timesteps as diffusers' DDIM and DDPM schedulers choose them. */
  static int[] timesteps(SchedulerConfig config, int steps) {
    int train = config.trainSteps();
    if (steps > train) {
      throw new InvalidInputException(
          steps + " steps are more than the " + train + " timesteps of the model: use fewer");
    }
    String spacing = config.word("timestep_spacing");
    int offset = config.whole("steps_offset");
    int[] out = new int[steps];
    for (int i = 0; i < steps; i++) {
      int ascending = steps - 1 - i;
      out[i] =
          switch (spacing) {
            case "leading" -> ascending * (train / steps) + offset;
            case "linspace" -> linspace(train, steps, ascending);
            default -> (int) Math.rint(train - i * ((double) train / steps)) - 1;
          };
      if (out[i] >= train) {
        throw new InvalidInputException(
            steps
                + " steps with steps_offset "
                + offset
                + " begin at timestep "
                + out[i]
                + ", but the model knows 0 to "
                + (train - 1)
                + ": use fewer steps");
      }
    }
    return out;
  }

  /** As numpy.linspace, rounded half to even. */
  private static int linspace(int train, int steps, int i) {
    if (steps == 1) {
      return 0;
    }
    return i == steps - 1 ? train - 1 : (int) Math.rint(i * ((train - 1.0) / (steps - 1)));
  }
}
