package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.error.ModelFormatException;
import io.github.morseengine.engine.morse.json.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * The keys of diffusers' scheduler_config.json that its DDIM and DDPM schedulers read, with the
 * defaults of these classes.
 *
 * @param trainSteps num_train_timesteps
 * @param betaSchedule beta_schedule: linear, scaled_linear or squaredcos_cap_v2
 * @param betaStart beta_start
 * @param betaEnd beta_end
 * @param trainedBetas trained_betas; null where the schedule is a formula
 * @param prediction prediction_type
 * @param clipSample clip_sample
 * @param clipRange clip_sample_range
 * @param thresholding thresholding
 * @param thresholdRatio dynamic_thresholding_ratio
 * @param sampleMax sample_max_value
 * @param timestepSpacing timestep_spacing; null leaves it to the sampler
 * @param stepsOffset steps_offset
 * @param setAlphaToOne set_alpha_to_one
 * @param rescaleZeroSnr rescale_betas_zero_snr
 * @param varianceType variance_type of ddpm
 */
public record SchedulerConfig(
    int trainSteps,
    String betaSchedule,
    double betaStart,
    double betaEnd,
    List<Double> trainedBetas,
    Prediction prediction,
    boolean clipSample,
    double clipRange,
    boolean thresholding,
    double thresholdRatio,
    double sampleMax,
    String timestepSpacing,
    int stepsOffset,
    boolean setAlphaToOne,
    boolean rescaleZeroSnr,
    String varianceType) {

  private static final int MOST_STEPS = 1_000_000;

  /** Checks the ranges. */
  public SchedulerConfig {
    if (trainSteps < 1 || trainSteps > MOST_STEPS) {
      throw new ModelFormatException(
          "num_train_timesteps is " + trainSteps + ", not 1 to " + MOST_STEPS);
    }
    if (stepsOffset < 0 || stepsOffset >= trainSteps) {
      throw new ModelFormatException(
          "steps_offset is " + stepsOffset + ", not 0 to num_train_timesteps - 1");
    }
    if (!(clipRange > 0) || !(sampleMax > 0) || !(thresholdRatio >= 0 && thresholdRatio <= 1)) {
      throw new ModelFormatException(
          "clip_sample_range and sample_max_value must be positive and"
              + " dynamic_thresholding_ratio 0 to 1");
    }
    if (trainedBetas != null) {
      trainedBetas = List.copyOf(trainedBetas);
      if (trainedBetas.size() != trainSteps) {
        throw new ModelFormatException(
            "trained_betas has "
                + trainedBetas.size()
                + " entries, num_train_timesteps is "
                + trainSteps);
      }
    }
  }

  /**
   * Reads a configuration.
   *
   * @param file a scheduler_config.json
   * @return the configuration
   * @throws InvalidInputException if there is no such file
   * @throws ModelFormatException if it is not a configuration
   */
  public static SchedulerConfig read(Path file) {
    String text;
    try {
      if (!Files.isRegularFile(file)) {
        throw new InvalidInputException(
            "there is no '"
                + file
                + "': a model directory holds the scheduler_config.json that diffusers writes");
      }
      text = Files.readString(file);
    } catch (IOException e) {
      throw new ModelFormatException(
          "cannot read '" + file + "' as UTF-8 text: " + e.getMessage(), e);
    }
    try {
      return of(new Keys(Json.object(text, file.toString())));
    } catch (ModelFormatException e) {
      String message = e.getMessage();
      throw message.contains(file.toString())
          ? e
          : new ModelFormatException("'" + file + "': " + message, e);
    }
  }

  private static SchedulerConfig of(Keys keys) {
    String type = keys.string("prediction_type", "epsilon");
    Prediction prediction =
        Arrays.stream(Prediction.values())
            .filter(p -> p.key().equals(type))
            .findFirst()
            .orElseThrow(
                () ->
                    new ModelFormatException(
                        "prediction_type '"
                            + type
                            + "' is not known: use epsilon, v_prediction or sample"));
    return new SchedulerConfig(
        keys.integer("num_train_timesteps", 1000),
        keys.string("beta_schedule", "linear"),
        keys.number("beta_start", 0.0001),
        keys.number("beta_end", 0.02),
        keys.numbers("trained_betas"),
        prediction,
        keys.flag("clip_sample", true),
        keys.number("clip_sample_range", 1.0),
        keys.flag("thresholding", false),
        keys.number("dynamic_thresholding_ratio", 0.995),
        keys.number("sample_max_value", 1.0),
        keys.string("timestep_spacing", null),
        keys.integer("steps_offset", 0),
        keys.flag("set_alpha_to_one", true),
        keys.flag("rescale_betas_zero_snr", false),
        keys.string("variance_type", "fixed_small"));
  }

  /** Typed access; a key that is null counts as absent, as diffusers writes them. */
  private record Keys(Map<String, Object> map) {

    private <T> T get(String key, Class<T> type, T fallback) {
      Object v = map.get(key);
      if (v == null) {
        return fallback;
      }
      if (!type.isInstance(v)) {
        throw new ModelFormatException(
            "the value of '"
                + key
                + "' is "
                + v
                + ", not a "
                + type.getSimpleName().toLowerCase(java.util.Locale.ROOT));
      }
      return type.cast(v);
    }

    String string(String key, String fallback) {
      return get(key, String.class, fallback);
    }

    boolean flag(String key, boolean fallback) {
      return get(key, Boolean.class, fallback);
    }

    double number(String key, double fallback) {
      return get(key, Double.class, fallback);
    }

    int integer(String key, int fallback) {
      double v = number(key, fallback);
      if (v != Math.rint(v) || Math.abs(v) > Integer.MAX_VALUE) {
        throw new ModelFormatException(
            "the value of '" + key + "' is " + v + ", not a whole number");
      }
      return (int) v;
    }

    List<Double> numbers(String key) {
      List<?> list = get(key, List.class, null);
      if (list == null) {
        return null;
      }
      if (!list.stream().allMatch(Double.class::isInstance)) {
        throw new ModelFormatException("'" + key + "' must be a list of numbers");
      }
      return list.stream().map(Double.class::cast).toList();
    }
  }
}
