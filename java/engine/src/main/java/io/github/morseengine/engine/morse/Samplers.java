package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.error.InvalidInputException;
import java.util.List;

/** Finds samplers by name. */
public final class Samplers {

  private static final List<String> NAMES = List.of("ddim", "ddpm");

  private Samplers() {}

  /** {@return the names of all samplers} */
  public static List<String> names() {
    return NAMES;
  }

  /**
   * Makes a sampler.
   *
   * @param name one of {@link #names()}
   * @param config the model's configuration
   * @param eta noise of ddim, 0 to 1
   * @return the sampler
   * @throws InvalidInputException if the name is unknown
   */
  public static Sampler of(String name, SchedulerConfig config, double eta) {
    return switch (name) {
      case "ddim" -> new DdimSampler(config, eta);
      case "ddpm" -> new DdpmSampler(config);
      default ->
          throw new InvalidInputException(
              "unknown sampler '" + name + "': use " + String.join(" or ", NAMES));
    };
  }

  /** Where the estimate of x_0 is cut; dynamic thresholding decides per picture instead. */
  static double limit(SchedulerConfig config) {
    return config.flag("clip_sample") && !config.flag("thresholding")
        ? config.number("clip_sample_range")
        : Double.POSITIVE_INFINITY;
  }
}
