package io.github.morseengine.engine.morse.text;

import io.github.morseengine.engine.error.InvalidInputException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * CLIP's tokenizer (Radford et al. 2021): text to the ids that the text encoders of Stable
 * Diffusion read, equal to transformers' {@code CLIPTokenizer}. Immutable and safe for use by
 * several threads.
 */
public final class ClipTokenizer implements TextTokenizer {

  private final ClipVocabulary vocabulary;

  private ClipTokenizer(ClipVocabulary vocabulary) {
    this.vocabulary = vocabulary;
  }

  /**
   * Reads a tokenizer folder: {@code vocab.json} and {@code merges.txt}, or {@code tokenizer.json};
   * {@code tokenizer_config.json} and {@code special_tokens_map.json} where they exist.
   *
   * @param folder the folder
   * @return the tokenizer
   * @throws InvalidInputException if the folder or the vocabulary is not there
   * @throws io.github.morseengine.engine.error.ModelFormatException if a file is not what it should
   *     be
   */
  public static ClipTokenizer open(Path folder) {
    return new ClipTokenizer(ClipVocabulary.read(folder));
  }

  @Override
  public int length() {
    return vocabulary.length();
  }

  @Override
  public int size() {
    return vocabulary.size();
  }

  @Override
  public Encoding encode(String text) {
    int[] ids = ids(text);
    int room = vocabulary.length() - 2;
    int kept = Math.min(ids.length, room);
    int[] out = new int[vocabulary.length()];
    out[0] = vocabulary.start();
    System.arraycopy(ids, 0, out, 1, kept);
    out[kept + 1] = vocabulary.end();
    Arrays.fill(out, kept + 2, out.length, vocabulary.padding());
    return new Encoding(out, kept + 2, ids.length - kept);
  }

  /**
   * Ids of a text without start, end and padding.
   *
   * @param text any text
   * @return its ids, as many as there are
   */
  public int[] ids(String text) {
    List<int[]> parts = new ArrayList<>();
    AddedToken.split(
        text,
        vocabulary.rawTokens(),
        ClipText::normalize,
        vocabulary.normalizedTokens(),
        new AddedToken.Pieces() {
          @Override
          public void text(String piece) {
            for (String word : ClipText.words(piece)) {
              parts.add(vocabulary.pairs().encode(word));
            }
          }

          @Override
          public void token(AddedToken token) {
            parts.add(new int[] {token.id()});
          }
        });
    return parts.stream().flatMapToInt(Arrays::stream).toArray();
  }
}
