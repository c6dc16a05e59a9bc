package io.github.morseengine.engine.morse.text;

import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.error.ModelFormatException;
import io.github.morseengine.engine.morse.json.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What the files of a tokenizer folder say.
 *
 * @param pairs the byte-pair encoder
 * @param rawTokens special tokens that are looked for in the text as it is
 * @param normalizedTokens special tokens that are looked for in the normalised text
 * @param start id in front of a text
 * @param end id behind a text
 * @param padding id that fills up
 * @param length ids of an encoding
 * @param size one more than the largest id
 */
record ClipVocabulary(
    BytePairs pairs,
    List<AddedToken> rawTokens,
    List<AddedToken> normalizedTokens,
    int start,
    int end,
    int padding,
    int length,
    int size) {

  private static final String START = "<|startoftext|>";
  private static final String END = "<|endoftext|>";
  private static final int CLIP_LENGTH = 77;
  private static final int LONGEST = 1 << 16;

  /** Reads a folder. */
  static ClipVocabulary read(Path folder) {
    if (!Files.isDirectory(folder)) {
      throw new InvalidInputException("there is no tokenizer folder '" + folder + "'");
    }
    Path vocab = folder.resolve("vocab.json");
    Path merges = folder.resolve("merges.txt");
    Path whole = folder.resolve("tokenizer.json");
    if (Files.exists(vocab) && Files.exists(merges)) {
      return new Reader(folder, vocab)
          .finish(ids(Json.object(text(vocab), vocab.toString()), vocab), lines(merges));
    }
    if (Files.exists(whole)) {
      Map<String, Object> model = child(Json.object(text(whole), whole.toString()), "model", whole);
      return new Reader(folder, whole)
          .finish(ids(child(model, "vocab", whole), whole), listed(model.get("merges"), whole));
    }
    throw new InvalidInputException(
        "'"
            + folder
            + "' holds neither vocab.json with merges.txt nor tokenizer.json: copy the tokenizer's"
            + " files there");
  }

  /** Special tokens by role; later roles say how a token that several share is looked for. */
  private static final class Reader {
    private final Path vocabularyFile;
    private final Map<String, Object> config;
    private final Map<String, Object> special;
    private final Map<String, AddedToken> added = new LinkedHashMap<>();
    private Map<String, Integer> ids;

    Reader(Path folder, Path vocabularyFile) {
      this.vocabularyFile = vocabularyFile;
      this.config = optional(folder.resolve("tokenizer_config.json"));
      this.special = optional(folder.resolve("special_tokens_map.json"));
    }

    ClipVocabulary finish(Map<String, Integer> vocabulary, List<String[]> merges) {
      ids = new LinkedHashMap<>(vocabulary);
      int start = role("bos_token", START);
      int end = role("eos_token", END);
      int unknown = role("unk_token", END);
      int padding = role("pad_token", END);
      int size = ids.values().stream().mapToInt(Integer::intValue).max().orElse(-1) + 1;
      return new ClipVocabulary(
          new BytePairs(vocabulary, merges, unknown, vocabularyFile.toString()),
          added.values().stream().filter(t -> !t.normalized()).toList(),
          added.values().stream().filter(AddedToken::normalized).toList(),
          start,
          end,
          padding,
          length(),
          size);
    }

    private int role(String key, String usual) {
      Object value = config.get(key) != null ? config.get(key) : special.get(key);
      String content = usual;
      boolean normalized = false;
      boolean left = false;
      boolean right = false;
      if (value instanceof String s) {
        content = s;
      } else if (value instanceof Map<?, ?> map && map.get("content") instanceof String s) {
        content = s;
        normalized = Boolean.TRUE.equals(map.get("normalized"));
        left = Boolean.TRUE.equals(map.get("lstrip"));
        right = Boolean.TRUE.equals(map.get("rstrip"));
        if (Boolean.TRUE.equals(map.get("single_word"))) {
          throw new ModelFormatException(
              "'"
                  + vocabularyFile.getParent()
                  + "': "
                  + key
                  + " with single_word is not supported");
        }
      } else if (value != null) {
        throw new ModelFormatException(
            "'"
                + vocabularyFile.getParent()
                + "': "
                + key
                + " is neither text nor a token: "
                + value);
      }
      int next = ids.size();
      int id = ids.computeIfAbsent(content, c -> next);
      added.put(content, new AddedToken(content, id, normalized, left, right));
      return id;
    }

    private int length() {
      Object value = config.get("model_max_length");
      // Configurations without a limit hold 1e30.
      if (!(value instanceof Double d) || d > LONGEST) {
        return CLIP_LENGTH;
      }
      if (d < 2 || d != Math.rint(d)) {
        throw new ModelFormatException(
            "'"
                + vocabularyFile.getParent()
                + "': model_max_length is "
                + d
                + ", expected 2 or more");
      }
      return d.intValue();
    }
  }

  private static Map<String, Integer> ids(Map<String, Object> json, Path file) {
    Map<String, Integer> out = LinkedHashMap.newLinkedHashMap(json.size());
    json.forEach(
        (token, id) -> {
          if (!(id instanceof Double d)
              || d < 0
              || d != Math.rint(d)
              || d > Integer.MAX_VALUE - 1) {
            throw new ModelFormatException(
                "'" + file + "': the id of '" + token + "' is no whole number: " + id);
          }
          out.put(token, d.intValue());
        });
    return out;
  }

  private static List<String[]> lines(Path file) {
    List<String[]> out = new ArrayList<>();
    for (String line : text(file).split("\r?\n")) {
      if (!line.isBlank() && !line.startsWith("#version")) {
        out.add(pair(line, file));
      }
    }
    return out;
  }

  /** tokenizer.json has merges as "a b" or, newer, as ["a", "b"]. */
  private static List<String[]> listed(Object merges, Path file) {
    if (!(merges instanceof List<?> list)) {
      throw new ModelFormatException(
          "'" + file + "' holds no merges: it is no byte-pair tokenizer");
    }
    List<String[]> out = new ArrayList<>(list.size());
    for (Object merge : list) {
      if (merge instanceof List<?> two
          && two.size() == 2
          && two.get(0) instanceof String a
          && two.get(1) instanceof String b) {
        out.add(new String[] {a, b});
      } else {
        out.add(pair(String.valueOf(merge), file));
      }
    }
    return out;
  }

  private static String[] pair(String line, Path file) {
    String[] pair = line.split(" ");
    if (pair.length != 2) {
      throw new ModelFormatException("'" + file + "': '" + line + "' is no merge of two tokens");
    }
    return pair;
  }

  private static Map<String, Object> child(Map<String, Object> json, String key, Path file) {
    if (!(json.get(key) instanceof Map<?, ?> map)) {
      throw new ModelFormatException("'" + file + "' holds no '" + key + "': it is no tokenizer");
    }
    Map<String, Object> out = new LinkedHashMap<>();
    map.forEach((k, v) -> out.put((String) k, v));
    return out;
  }

  private static Map<String, Object> optional(Path file) {
    return Files.exists(file) ? Json.object(text(file), file.toString()) : Map.of();
  }

  private static String text(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new ModelFormatException(
          "cannot read '" + file + "' as UTF-8 text: " + e.getMessage(), e);
    }
  }
}
