package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.error.ModelFormatException;

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
    String spacing = config.timestepSpacing() == null ? "leading" : config.timestepSpacing();
    int[] out = new int[steps];
    for (int i = 0; i < steps; i++) {
      int ascending = steps - 1 - i;
      out[i] =
          switch (spacing) {
            case "leading" -> ascending * (train / steps) + config.stepsOffset();
            case "linspace" -> linspace(train, steps, ascending);
            case "trailing" -> (int) Math.rint(train - i * ((double) train / steps)) - 1;
            default ->
                throw new ModelFormatException(
                    "timestep_spacing '"
                        + spacing
                        + "' is not known: use leading, linspace or trailing");
          };
      if (out[i] >= train) {
        throw new InvalidInputException(
            steps
                + " steps with steps_offset "
                + config.stepsOffset()
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
