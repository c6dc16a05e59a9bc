package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.error.ModelFormatException;
import io.github.morseengine.engine.error.MorseException;
import io.github.morseengine.engine.morse.json.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The best schedule found for each budget: morse_schedule.json of a model directory, which {@code
 * morse tune} writes. Immutable.
 *
 * @param batch the batch that the times were measured at
 * @param samplers entries by sampler, ascending by cost
 */
public record TunedSchedules(int batch, Map<String, List<Entry>> samplers) {

  /** The file's name in a model directory. */
  public static final String FILE = "morse_schedule.json";

  /**
   * One budget.
   *
   * @param budget what was asked for, in latencies of Dash
   * @param lsd what the schedule cost when it was tuned, at most the budget
   * @param schedule the schedule
   */
  public record Entry(double budget, double lsd, Schedule schedule) {}

  /** Copies the map. */
  public TunedSchedules {
    Map<String, List<Entry>> copy = new LinkedHashMap<>();
    samplers.forEach((name, list) -> copy.put(name, List.copyOf(list)));
    samplers = java.util.Collections.unmodifiableMap(copy);
  }

  /**
   * Reads the schedules of a model.
   *
   * @param directory the model
   * @return its schedules; empty where it was never tuned
   * @throws ModelFormatException if the file is damaged
   */
  public static Optional<TunedSchedules> read(ModelDirectory directory) {
    Path file = directory.path().resolve(FILE);
    if (!Files.exists(file)) {
      return Optional.empty();
    }
    try {
      return Optional.of(of(Json.object(Files.readString(file), file.toString())));
    } catch (IOException | ClassCastException | NullPointerException e) {
      throw damaged(file, e);
    } catch (InvalidInputException e) {
      throw damaged(file, e);
    }
  }

  private static MorseException damaged(Path file, Exception e) {
    return new ModelFormatException(
        "'" + file + "' is damaged (" + e.getMessage() + "): run morse tune again", e);
  }

  private static TunedSchedules of(Map<String, Object> map) {
    Map<String, List<Entry>> samplers = new LinkedHashMap<>();
    for (Map.Entry<?, ?> sampler : ((Map<?, ?>) map.get("samplers")).entrySet()) {
      List<Entry> entries = new ArrayList<>();
      for (Object o : (List<?>) sampler.getValue()) {
        Map<?, ?> e = (Map<?, ?>) o;
        entries.add(
            new Entry(
                (double) e.get("budget"),
                (double) e.get("lsd"),
                Schedule.parse((String) e.get("schedule"))));
      }
      samplers.put((String) sampler.getKey(), entries);
    }
    return new TunedSchedules((int) (double) map.get("batch"), samplers);
  }

  /**
   * The deterministic sampler whose schedules another one takes where it has none of its own: no
   * solution tells the error of a stochastic run, but between steps of Dash it goes as its kin
   * does.
   *
   * @param sampler a name with variants
   * @return the name under which its schedules stand
   */
  public static String basis(String sampler) {
    String base = sampler.split(":", -1)[0];
    return switch (base) {
      case "ddim", "ddpm" -> "ddim";
      case "sde" -> "ode";
      case "dpmpp" -> sampler.replace(":sde", "");
      default -> sampler;
    };
  }

  /**
   * The best schedule within a budget.
   *
   * @param sampler a name with variants
   * @param budget latencies of Dash
   * @return the dearest entry that costs no more
   * @throws InvalidInputException if the sampler was not tuned, or not for so small a budget
   */
  public Entry find(String sampler, double budget) {
    List<Entry> list = samplers.getOrDefault(sampler, samplers.get(basis(sampler)));
    if (list == null) {
      throw new InvalidInputException(
          FILE
              + " has no schedules of sampler "
              + sampler
              + " but of "
              + String.join(", ", samplers.keySet())
              + ": run morse tune --samplers "
              + basis(sampler)
              + ", or use --dash and --dot");
    }
    Entry best = null;
    for (Entry e : list) {
      if (e.lsd() <= budget && (best == null || e.lsd() > best.lsd())) {
        best = e;
      }
    }
    if (best == null) {
      double least = list.stream().mapToDouble(Entry::lsd).min().orElse(Double.NaN);
      throw new InvalidInputException(
          "no tuned schedule costs at most "
              + budget
              + " LSD; the cheapest costs "
              + least
              + ": give a larger --lsd, or run morse tune --budgets");
    }
    return best;
  }
}
