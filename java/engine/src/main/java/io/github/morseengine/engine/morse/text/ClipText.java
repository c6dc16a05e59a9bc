package io.github.morseengine.engine.morse.text;

import java.text.Normalizer;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * CLIP's cleaning of text and its cut into words, as the tokenizers library does them: NFC, white
 * space, lower case; then contractions, runs of letters, single numerals and runs of other
 * characters. Stateless.
 */
final class ClipText {

  private static final Pattern SPACE = Pattern.compile("\\s+", Pattern.UNICODE_CHARACTER_CLASS);
  private static final Pattern WORD =
      Pattern.compile(
          "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|\\p{L}+|\\p{N}"
              + "|[^\\s\\p{L}\\p{N}]+",
          Pattern.UNICODE_CHARACTER_CLASS);
  private static final Pattern MARKER = Pattern.compile("(<\\|)(startoftext|endoftext)(\\|>)");

  private ClipText() {}

  /** NFC, each run of white space (Unicode's White_Space) one space, lower case by character. */
  static String normalize(String text) {
    String composed = Normalizer.normalize(text, Normalizer.Form.NFC);
    String spaced = SPACE.matcher(composed).replaceAll(" ");
    StringBuilder out = new StringBuilder(spaced.length());
    spaced
        .codePoints()
        .forEach(
            c -> {
              if (c == 0x130) {
                // The only character whose full lower case is longer than its simple one; String's
                // own toLowerCase would also look at neighbours (final sigma).
                out.append("i\u0307");
              } else {
                out.appendCodePoint(Character.toLowerCase(c));
              }
            });
    return out.toString();
  }

  /** The words of a normalised text. */
  static List<String> words(String text) {
    List<String> out = new ArrayList<>();
    Matcher matcher = WORD.matcher(text);
    while (matcher.find()) {
      String word = matcher.group();
      Matcher marker = MARKER.matcher(word);
      if (marker.matches()) {
        // Not a special token here: the step to bytes cuts it as it cuts any text.
        out.add(marker.group(1));
        out.add(marker.group(2));
        out.add(marker.group(3));
      } else {
        out.add(word);
      }
    }
    return out;
  }

  /** Whether a character is white space in Unicode's sense. */
  static boolean isSpace(char c) {
    return SPACE.matcher(String.valueOf(c)).matches();
  }
}
