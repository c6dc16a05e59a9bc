package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.error.ModelFormatException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;

/**
 * The labels that a model is conditioned on: those of labels.txt, or id2label of a model_index.json
 * of diffusers, where a label has several names with commas between them. Immutable.
 */
public final class Labels {

  private static final int MOST_LISTED = 20;
  private static final int MOST_LISTED_OF_MANY = 8;

  private final List<String> names;
  private final int nullLabel;
  private final String origin;

  /** Exact names first: "Cardigan" is a dog and "cardigan" a garment. */
  private final Map<String, Integer> exact = new HashMap<>();

  private final Map<String, Integer> folded = new HashMap<>();

  private Labels(List<String> names, int nullLabel, String origin) {
    this.names = List.copyOf(names);
    this.nullLabel = nullLabel;
    this.origin = origin;
  }

  /**
   * Labels of one name each; the null label comes after them. Of two equal names the first counts.
   *
   * @param names their names by index
   * @return the labels
   */
  public static Labels of(List<String> names) {
    Labels out = new Labels(names, names.size(), "those of labels.txt");
    for (int i = 0; i < names.size(); i++) {
      out.exact.putIfAbsent(names.get(i), i);
      out.folded.putIfAbsent(folded(names.get(i)), i);
    }
    return out;
  }

  /** Reads labels.txt, one label a line; none where there is no such file. */
  static Labels read(Path file) {
    if (!Files.exists(file)) {
      return of(List.of());
    }
    try {
      return of(
          Files.readAllLines(file).stream().map(String::strip).filter(s -> !s.isEmpty()).toList());
    } catch (IOException e) {
      throw new ModelFormatException(
          "cannot read '" + file + "' as UTF-8 text: " + e.getMessage(), e);
    }
  }

  /**
   * Reads id2label. Of labels that share a name the last one has it, as in diffusers' DiTPipeline;
   * the others are told apart by their number.
   *
   * @param index the model_index.json, for messages
   * @param given the value of id2label; null where there is none
   * @param classes how many labels the model knows; the null label comes after them
   */
  static Labels read(Path index, Object given, int classes) {
    Map<Integer, String> texts = new HashMap<>();
    if (given instanceof Map<?, ?> map) {
      map.forEach((key, value) -> texts.put(number(index, key, value, classes), (String) value));
    } else if (given != null) {
      throw new ModelFormatException(
          "'" + index + "': id2label is " + given + ", not names by number");
    }
    Map<String, Integer> exact = new HashMap<>();
    Map<String, Integer> folded = new HashMap<>();
    for (int i = 0; i < classes; i++) {
      for (String name : texts.getOrDefault(i, "").split(",")) {
        exact.put(name.strip(), i);
        folded.put(folded(name), i);
      }
    }
    List<String> names = new ArrayList<>();
    for (int i = 0; i < classes && !texts.isEmpty(); i++) {
      String text = texts.getOrDefault(i, Integer.toString(i)).strip();
      names.add(exact.getOrDefault(text, i) == i ? text : text + " (" + i + ")");
    }
    Labels out = new Labels(names, classes, "those that the model knows");
    for (int i = 0; i < names.size(); i++) {
      out.exact.put(names.get(i), i);
      out.folded.put(folded(names.get(i)), i);
    }
    exact.remove("");
    folded.remove("");
    out.exact.putAll(exact);
    out.folded.putAll(folded);
    return out;
  }

  private static int number(Path index, Object key, Object value, int classes) {
    boolean fits = key.toString().matches("[0-9]{1,9}") && value instanceof String;
    if (!fits || Integer.parseInt(key.toString()) >= classes) {
      throw new ModelFormatException(
          "'%s': id2label has %s: %s, expected a number of 0 to %d and a name"
              .formatted(index, key, value, classes - 1));
    }
    return Integer.parseInt(key.toString());
  }

  private static String folded(String name) {
    return name.strip().toLowerCase(Locale.ROOT);
  }

  /**
   * {@return their names by index, each of which {@link #find} finds; empty where none are known}
   */
  public List<String> names() {
    return names;
  }

  /** {@return the label of the unconditional half of guidance} */
  public int nullLabel() {
    return nullLabel;
  }

  /** {@return what the null label comes after, for messages} */
  String origin() {
    return origin;
  }

  /**
   * Finds a label.
   *
   * @param label a name or an index; case matters only where it tells two labels apart
   * @param path the model's folder, for messages
   * @return its index
   * @throws InvalidInputException if there is no such label
   */
  int find(String label, Path path) {
    String wanted = label.strip();
    Integer found = exact.getOrDefault(wanted, folded.get(folded(wanted)));
    if (found != null) {
      return found;
    }
    if (nullLabel == 0) {
      throw new InvalidInputException(
          "the model '" + path + "' has no labels: leave the label out");
    }
    if (wanted.matches("[0-9]{1,9}") && Integer.parseInt(wanted) <= nullLabel) {
      return Integer.parseInt(wanted);
    }
    throw new InvalidInputException(
        "unknown label '" + label + "': use " + choice(folded(wanted)) + "0 to " + (nullLabel - 1));
  }

  /** Some names, those first that hold what was asked for. */
  private String choice(String wanted) {
    if (names.isEmpty()) {
      return "";
    }
    if (names.size() <= MOST_LISTED) {
      return "one of " + String.join(", ", names) + " or ";
    }
    List<String> alike = names.stream().filter(n -> folded(n).contains(wanted)).toList();
    List<String> some =
        Stream.concat(alike.stream(), names.stream())
            .distinct()
            .limit(MOST_LISTED_OF_MANY)
            .toList();
    return "a name as '" + String.join("', '", some) + "' or ";
  }
}
