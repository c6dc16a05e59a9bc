package io.github.morseengine.engine.morse.json;

import io.github.morseengine.engine.error.ModelFormatException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads JSON (RFC 8259) into maps, lists, strings, doubles, booleans and null. It exists because
 * the engine has no dependency that could; configurations and vocabularies are all it is made for.
 * Python writes infinity as a bare word, and schedulers have infinite bounds, so that is read, too.
 */
public final class Json {

  private static final int MAX_DEPTH = 100;

  private final String text;
  private final String name;
  private int at;

  private Json(String text, String name) {
    this.text = text;
    this.name = name;
  }

  /**
   * Reads one object.
   *
   * @param text the whole text; a byte order mark in front is skipped
   * @param name what messages call it, usually the file
   * @return keys in the order of the text; of equal keys the last counts
   * @throws ModelFormatException if it is not one valid object
   */
  public static Map<String, Object> object(String text, String name) {
    Json json = new Json(text, name);
    if (text.startsWith("\uFEFF")) {
      json.at = 1;
    }
    json.space();
    if (json.peek() != '{') {
      throw json.error("a JSON object is expected");
    }
    Map<String, Object> map = json.map(0);
    json.space();
    if (json.at < text.length()) {
      throw json.error("something follows the end");
    }
    return map;
  }

  /**
   * Reads the object in a file.
   *
   * @param file a configuration
   * @return its keys; none where there is no such file
   * @throws ModelFormatException if it is not one valid object
   */
  public static Map<String, Object> file(Path file) {
    if (!Files.exists(file)) {
      return Map.of();
    }
    try {
      return object(Files.readString(file), file.toString());
    } catch (IOException e) {
      throw new ModelFormatException(
          "cannot read '" + file + "' as UTF-8 text: " + e.getMessage(), e);
    }
  }

  private Map<String, Object> map(int depth) {
    Map<String, Object> map = new LinkedHashMap<>();
    at++;
    space();
    if (peek() == '}') {
      at++;
      return map;
    }
    while (true) {
      space();
      if (peek() != '"') {
        throw error("a key is expected");
      }
      String key = string();
      space();
      expect(':');
      map.put(key, value(depth + 1));
      space();
      if (peek() != ',') {
        break;
      }
      at++;
    }
    expect('}');
    return map;
  }

  private List<Object> list(int depth) {
    List<Object> list = new ArrayList<>();
    at++;
    space();
    if (peek() == ']') {
      at++;
      return list;
    }
    while (true) {
      list.add(value(depth + 1));
      space();
      if (peek() != ',') {
        break;
      }
      at++;
    }
    expect(']');
    return list;
  }

  private Object value(int depth) {
    if (depth > MAX_DEPTH) {
      throw error("nested too deep");
    }
    space();
    return switch (peek()) {
      case '{' -> map(depth);
      case '[' -> list(depth);
      case '"' -> string();
      case 't' -> word("true", true);
      case 'f' -> word("false", false);
      case 'n' -> word("null", null);
      case 'I' -> word("Infinity", Double.POSITIVE_INFINITY);
      default -> number();
    };
  }

  private Object word(String word, Object value) {
    if (!text.startsWith(word, at)) {
      throw error("unknown word");
    }
    at += word.length();
    return value;
  }

  private Double number() {
    int start = at;
    if (text.startsWith("-Infinity", at)) {
      at += "-Infinity".length();
      return Double.NEGATIVE_INFINITY;
    }
    while (at < text.length() && "+-.eE0123456789".indexOf(text.charAt(at)) >= 0) {
      at++;
    }
    try {
      return Double.valueOf(text.substring(start, at));
    } catch (NumberFormatException e) {
      at = start;
      throw error("a value is expected");
    }
  }

  private String string() {
    StringBuilder out = new StringBuilder();
    at++;
    while (peek() != '"') {
      char c = text.charAt(at++);
      if (c != '\\') {
        out.append(c);
        continue;
      }
      char escape = peek();
      at++;
      switch (escape) {
        case 'b' -> out.append('\b');
        case 'f' -> out.append('\f');
        case 'n' -> out.append('\n');
        case 'r' -> out.append('\r');
        case 't' -> out.append('\t');
        case 'u' -> out.append(unicode());
        case '"', '\\', '/' -> out.append(escape);
        default -> throw error("unknown escape");
      }
    }
    at++;
    return out.toString();
  }

  private char unicode() {
    if (at + 4 > text.length()) {
      throw error("cut short");
    }
    try {
      char c = (char) Integer.parseInt(text.substring(at, at + 4), 16);
      at += 4;
      return c;
    } catch (NumberFormatException e) {
      throw error("four hexadecimal digits are expected");
    }
  }

  private void space() {
    while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) {
      at++;
    }
  }

  private char peek() {
    if (at >= text.length()) {
      throw error("cut short");
    }
    return text.charAt(at);
  }

  private void expect(char c) {
    if (peek() != c) {
      throw error("'" + c + "' is expected");
    }
    at++;
  }

  private ModelFormatException error(String what) {
    return new ModelFormatException(
        "'" + name + "' is not valid JSON: " + what + " at character " + at);
  }
}
