package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.error.ModelFormatException;
import io.github.morseengine.engine.morse.json.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A scheduler_config.json with the keys of diffusers. Where it is silent, the scheduler class that
 * a sampler follows decides, as from_config of diffusers does it: the file's own class does not
 * matter. Immutable.
 */
public final class SchedulerConfig {

  private final Map<String, Object> map;
  private final SchedulerClass reader;

  private SchedulerConfig(Map<String, Object> map, SchedulerClass reader) {
    this.map = map;
    this.reader = reader;
  }

  /**
   * Reads a configuration.
   *
   * @param file a scheduler_config.json
   * @return the configuration
   * @throws InvalidInputException if there is no such file
   * @throws ModelFormatException if it is not a configuration, with the key or value at fault
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
      return of(Json.object(text, file.toString()));
    } catch (ModelFormatException e) {
      String message = e.getMessage();
      throw message.contains(file.toString())
          ? e
          : new ModelFormatException("'" + file + "': " + message, e);
    }
  }

  private static SchedulerConfig of(Map<String, Object> given) {
    SchedulerKeys.check(given);
    Map<String, Object> map = new HashMap<>();
    given.forEach(
        (key, value) -> {
          if (value != null) {
            map.put(key, value);
          }
        });
    SchedulerConfig config = new SchedulerConfig(map, SchedulerClass.DDIM);
    int train = config.trainSteps();
    if (config.whole("steps_offset") >= train) {
      throw new ModelFormatException(
          "steps_offset is " + config.whole("steps_offset") + ", not 0 to num_train_timesteps - 1");
    }
    List<Double> betas = config.trainedBetas();
    if (betas != null && betas.size() != train) {
      throw new ModelFormatException(
          "trained_betas has " + betas.size() + " entries, num_train_timesteps is " + train);
    }
    return config;
  }

  /** The same file, read by another class. */
  SchedulerConfig as(SchedulerClass other) {
    return new SchedulerConfig(map, other);
  }

  /** {@return the sampler that follows the scheduler which the file names; ddim for others} */
  public String sampler() {
    return switch (String.valueOf(map.get("_class_name"))) {
      case "DDPMScheduler" -> "ddpm";
      case "DPMSolverMultistepScheduler" -> "dpmpp";
      case "EulerDiscreteScheduler", SchedulerKeys.FLOW -> "euler";
      case "LCMScheduler" -> "lcm";
      case "ScoreSdeVpScheduler" -> "sde";
      default -> "ddim";
    };
  }

  /** {@return the training timesteps} */
  public int trainSteps() {
    return whole("num_train_timesteps");
  }

  /**
   * {@return whether the model was trained by flow matching: it estimates velocities on straight
   * paths, and no schedule of betas belongs to it}
   */
  public boolean flow() {
    return SchedulerKeys.FLOW.equals(map.get("_class_name"));
  }

  /** {@return what the model estimates; without meaning where {@link #flow} holds} */
  public Prediction prediction() {
    String type = word("prediction_type");
    return Arrays.stream(Prediction.values())
        .filter(p -> p.key().equals(type))
        .findFirst()
        .orElseThrow();
  }

  /** Whether the file itself holds a key. */
  boolean has(String key) {
    return map.containsKey(key);
  }

  /** The betas of a schedule that is no formula; null for a formula. */
  List<Double> trainedBetas() {
    List<?> list = (List<?>) map.get("trained_betas");
    return list == null ? null : list.stream().map(Double.class::cast).toList();
  }

  /** A word; null where neither the file nor the class has one. */
  String word(String key) {
    return (String) value(key);
  }

  boolean flag(String key) {
    return (boolean) value(key);
  }

  double number(String key) {
    return (double) value(key);
  }

  int whole(String key) {
    return (int) number(key);
  }

  /** A number that the file gives, or another. */
  double number(String key, double otherwise) {
    return has(key) ? number(key) : otherwise;
  }

  private Object value(String key) {
    Object own = map.get(key);
    if (own != null) {
      return own;
    }
    // How long a model was trained for is its own property, whichever sampler asks it.
    boolean model = key.equals("num_train_timesteps");
    return (model ? SchedulerClass.of(map.get("_class_name")) : reader).fallback(key);
  }
}
