package io.github.morseengine.engine.morse.text;

import io.github.morseengine.engine.error.ModelFormatException;
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * What a {@code tokenizer.json} does to a text before its model cuts words into tokens: the
 * normalizers and pre-tokenizers that tokenizers made of SentencePiece models have, each as the
 * tokenizers library defines it. Others are refused by name. Stateless.
 */
final class TextSteps {

  private TextSteps() {}

  /**
   * The normalizer.
   *
   * @param json {@code normalizer}; may be null
   * @param file for messages
   */
  static UnaryOperator<String> normalizer(Object json, String file) {
    if (json == null) {
      return text -> text;
    }
    Map<?, ?> map = map(json, file, "normalizer");
    String type = String.valueOf(map.get("type"));
    return switch (type) {
      case "Sequence" -> {
        List<UnaryOperator<String>> steps = new ArrayList<>();
        for (Object step : list(map.get("normalizers"), file, "normalizers")) {
          steps.add(normalizer(step, file));
        }
        yield text -> {
          String now = text;
          for (UnaryOperator<String> step : steps) {
            now = step.apply(now);
          }
          return now;
        };
      }
      case "Precompiled" ->
          new CharacterMap(string(map, "precompiled_charsmap", file, "normalizer"), file);
      case "NFC", "NFD", "NFKC", "NFKD" -> {
        Normalizer.Form form = Normalizer.Form.valueOf(type);
        yield text -> Normalizer.normalize(text, form);
      }
      case "Strip" -> {
        boolean left = Boolean.TRUE.equals(map.get("strip_left"));
        boolean right = Boolean.TRUE.equals(map.get("strip_right"));
        yield text -> strip(text, left, right);
      }
      case "Replace" -> replacing(map, file);
      default -> throw unknown("normalizer", type, file);
    };
  }

  private static UnaryOperator<String> replacing(Map<?, ?> map, String file) {
    Map<?, ?> pattern = map(map.get("pattern"), file, "pattern");
    String content = string(map, "content", file, "normalizer");
    if (pattern.get("String") instanceof String plain) {
      return text -> text.replace(plain, content);
    }
    Pattern regex;
    try {
      regex = Pattern.compile(string(pattern, "Regex", file, "pattern"));
    } catch (PatternSyntaxException e) {
      throw new ModelFormatException("'" + file + "': pattern: " + e.getMessage(), e);
    }
    String quoted = Matcher.quoteReplacement(content);
    return text -> regex.matcher(text).replaceAll(quoted);
  }

  private static String strip(String text, boolean left, boolean right) {
    int from = 0;
    int to = text.length();
    while (left && from < to && ClipText.isSpace(text.charAt(from))) {
      from++;
    }
    while (right && to > from && ClipText.isSpace(text.charAt(to - 1))) {
      to--;
    }
    return text.substring(from, to);
  }

  /**
   * Part of a text on its way to words.
   *
   * @param text not empty
   * @param first whether the whole text begins with it
   */
  record Piece(String text, boolean first) {}

  /** Cuts a piece further. */
  @FunctionalInterface
  interface Split {
    void split(Piece piece, List<Piece> to);
  }

  /**
   * The pre-tokenizer.
   *
   * @param json {@code pre_tokenizer}; may be null
   * @param file for messages
   */
  static Split splitter(Object json, String file) {
    if (json == null) {
      return (piece, to) -> to.add(piece);
    }
    Map<?, ?> map = map(json, file, "pre_tokenizer");
    String type = String.valueOf(map.get("type"));
    return switch (type) {
      case "Sequence" -> {
        List<Split> steps = new ArrayList<>();
        for (Object step : list(map.get("pretokenizers"), file, "pretokenizers")) {
          steps.add(splitter(step, file));
        }
        yield (piece, to) -> {
          List<Piece> now = List.of(piece);
          for (Split step : steps) {
            List<Piece> next = new ArrayList<>();
            now.forEach(p -> step.split(p, next));
            now = next;
          }
          to.addAll(now);
        };
      }
      case "WhitespaceSplit" -> TextSteps::words;
      case "Metaspace" -> metaspace(map, file);
      default -> throw unknown("pre_tokenizer", type, file);
    };
  }

  private static void words(Piece piece, List<Piece> to) {
    String text = piece.text();
    int start = 0;
    for (int at = 0; at <= text.length(); at++) {
      if (at == text.length() || ClipText.isSpace(text.charAt(at))) {
        if (at > start) {
          to.add(new Piece(text.substring(start, at), piece.first() && start == 0));
        }
        start = at + 1;
      }
    }
  }

  /** Spaces become a visible character, one is put in front, and each begins a piece. */
  private static Split metaspace(Map<?, ?> map, String file) {
    String mark = string(map, "replacement", file, "pre_tokenizer");
    if (mark.isEmpty()) {
      throw unknown("replacement", mark, file);
    }
    String scheme =
        map.get("prepend_scheme") instanceof String s
            ? s
            : Boolean.FALSE.equals(map.get("add_prefix_space")) ? "never" : "always";
    if (!List.of("always", "first", "never").contains(scheme)) {
      throw unknown("prepend_scheme", scheme, file);
    }
    boolean split = !Boolean.FALSE.equals(map.get("split"));
    return (piece, to) -> {
      String text = piece.text().replace(" ", mark);
      boolean prepend = scheme.equals("always") || scheme.equals("first") && piece.first();
      if (prepend && !text.startsWith(mark)) {
        text = mark + text;
      }
      int start = 0;
      for (int next = 0; split && next >= 0; ) {
        next = text.indexOf(mark, start + 1);
        if (next > 0) {
          to.add(new Piece(text.substring(start, next), piece.first() && start == 0));
          start = next;
        }
      }
      to.add(new Piece(text.substring(start), piece.first() && start == 0));
    };
  }

  /** A JSON object, or an error that names what it should be. */
  static Map<?, ?> map(Object json, String file, String what) {
    if (json instanceof Map<?, ?> map) {
      return map;
    }
    throw new ModelFormatException("'" + file + "': " + what + " is no object: " + json);
  }

  /** A JSON list, or an error that names what it should be. */
  static List<?> list(Object json, String file, String what) {
    if (json instanceof List<?> list) {
      return list;
    }
    throw new ModelFormatException("'" + file + "': " + what + " is no list: " + json);
  }

  private static String string(Map<?, ?> map, String key, String file, String what) {
    if (map.get(key) instanceof String s) {
      return s;
    }
    throw new ModelFormatException(
        "'%s': '%s' of %s is no text: %s".formatted(file, key, what, map.get(key)));
  }

  private static ModelFormatException unknown(String what, String type, String file) {
    return new ModelFormatException(
        "'%s': the %s '%s' is not supported: is it the tokenizer of T5?"
            .formatted(file, what, type));
  }
}
