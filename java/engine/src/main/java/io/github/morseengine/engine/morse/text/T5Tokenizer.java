package io.github.morseengine.engine.morse.text;

import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.error.ModelFormatException;
import io.github.morseengine.engine.morse.json.Json;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;

/**
 * T5's tokenizer (Raffel et al. 2020): text to the ids of a SentencePiece unigram model, equal to
 * transformers' {@code T5TokenizerFast}. Immutable and safe for use by several threads.
 */
public final class T5Tokenizer implements TextTokenizer {

  private static final String FILE = "tokenizer.json";
  private static final String PADDING = "<pad>";

  private final List<AddedToken> rawTokens = new ArrayList<>();
  private final List<AddedToken> normalizedTokens = new ArrayList<>();
  private final List<Integer> before = new ArrayList<>();
  private final List<Integer> behind = new ArrayList<>();
  private final UnaryOperator<String> normalizer;
  private final TextSteps.Split splitter;
  private final Unigram model;
  private final int padding;
  private final int length;
  private int size;

  private T5Tokenizer(Path folder, Path path, int length) {
    String file = path.toString();
    Map<String, Object> json = Json.file(path);
    this.length = length;
    model = new Unigram(TextSteps.map(json.get("model"), file, "model"), file);
    normalizer = TextSteps.normalizer(json.get("normalizer"), file);
    splitter = TextSteps.splitter(json.get("pre_tokenizer"), file);
    size = model.size();
    if (json.get("added_tokens") != null) {
      TextSteps.list(json.get("added_tokens"), file, "added_tokens").forEach(t -> add(t, file));
    }
    if (json.get("post_processor") != null) {
      template(TextSteps.map(json.get("post_processor"), file, "post_processor"), file);
    }
    if (before.size() + behind.size() >= length) {
      throw new ModelFormatException(
          "'%s': %d special tokens leave no room for a text among %d"
              .formatted(file, before.size() + behind.size(), length));
    }
    padding = padding(folder, file);
  }

  /**
   * Reads {@code tokenizer.json}, and of {@code tokenizer_config.json}, where it exists, what fills
   * up.
   *
   * @param folder the tokenizer's folder
   * @param length ids of every encoding
   * @return the tokenizer
   * @throws InvalidInputException if the folder or its tokenizer.json is not there
   * @throws ModelFormatException if a file is not what it should be
   */
  public static T5Tokenizer open(Path folder, int length) {
    Path file = folder.resolve(FILE);
    if (!Files.exists(file)) {
      throw new InvalidInputException(
          "'%s' holds no %s: copy it from the original model, or save its tokenizer with transformers"
              .formatted(folder, FILE));
    }
    return new T5Tokenizer(folder, file, length);
  }

  private void add(Object entry, String file) {
    Map<?, ?> map = TextSteps.map(entry, file, "an added token");
    if (!(map.get("content") instanceof String content)
        || !(map.get("id") instanceof Double id)
        || id < 0
        || id != Math.rint(id)
        || Boolean.TRUE.equals(map.get("single_word"))) {
      throw new ModelFormatException(
          "'%s': the added token %s is not supported: content and id are needed, and no single_word"
              .formatted(file, map));
    }
    boolean normalized = Boolean.TRUE.equals(map.get("normalized"));
    (normalized ? normalizedTokens : rawTokens)
        .add(
            new AddedToken(
                content,
                id.intValue(),
                normalized,
                Boolean.TRUE.equals(map.get("lstrip")),
                Boolean.TRUE.equals(map.get("rstrip"))));
    size = Math.max(size, id.intValue() + 1);
  }

  /** Reads which tokens stand before and behind a text. */
  private void template(Map<?, ?> processor, String file) {
    if (!"TemplateProcessing".equals(processor.get("type"))) {
      throw new ModelFormatException(
          "'%s': the post_processor '%s' is not supported".formatted(file, processor.get("type")));
    }
    Map<?, ?> special = TextSteps.map(processor.get("special_tokens"), file, "special_tokens");
    List<Integer> to = before;
    for (Object part : TextSteps.list(processor.get("single"), file, "single")) {
      Map<?, ?> map = TextSteps.map(part, file, "a part of single");
      if (map.get("SpecialToken") instanceof Map<?, ?> token) {
        Map<?, ?> named = TextSteps.map(special.get(token.get("id")), file, "a special token");
        for (Object id : TextSteps.list(named.get("ids"), file, "ids")) {
          to.add(id instanceof Double d ? d.intValue() : -1);
        }
      } else {
        to = behind;
      }
    }
    if (before.contains(-1) || behind.contains(-1)) {
      throw new ModelFormatException("'" + file + "': the ids of special tokens are no numbers");
    }
  }

  private int padding(Path folder, String file) {
    Object token = Json.file(folder.resolve("tokenizer_config.json")).get("pad_token");
    if (token instanceof Map<?, ?> map) {
      token = map.get("content");
    }
    String content = token instanceof String s ? s : PADDING;
    for (List<AddedToken> tokens : List.of(rawTokens, normalizedTokens)) {
      for (AddedToken t : tokens) {
        if (t.content().equals(content)) {
          return t.id();
        }
      }
    }
    if (model.id(content) == null) {
      throw new ModelFormatException(
          "'%s' does not hold the padding token '%s'".formatted(file, content));
    }
    return model.id(content);
  }

  @Override
  public int length() {
    return length;
  }

  @Override
  public int size() {
    return size;
  }

  @Override
  public Encoding encode(String text) {
    int[] ids = ids(text);
    int kept = Math.min(ids.length, length - before.size() - behind.size());
    int[] out = new int[length];
    Arrays.fill(out, padding);
    int at = 0;
    for (int id : before) {
      out[at++] = id;
    }
    System.arraycopy(ids, 0, out, at, kept);
    at += kept;
    for (int id : behind) {
      out[at++] = id;
    }
    return new Encoding(out, at, ids.length - kept);
  }

  /**
   * Ids of a text without end and padding.
   *
   * @param text any text
   * @return its ids, as many as there are
   */
  public int[] ids(String text) {
    List<Integer> out = new ArrayList<>();
    boolean[] first = {true};
    AddedToken.split(
        text,
        rawTokens,
        normalizer,
        normalizedTokens,
        new AddedToken.Pieces() {
          @Override
          public void text(String piece) {
            List<TextSteps.Piece> words = new ArrayList<>();
            splitter.split(new TextSteps.Piece(piece, first[0]), words);
            words.forEach(w -> model.encode(w.text(), out));
            first[0] = false;
          }

          @Override
          public void token(AddedToken token) {
            out.add(token.id());
            first[0] = false;
          }
        });
    return out.stream().mapToInt(Integer::intValue).toArray();
  }
}
