package io.github.morseengine.engine.morse.text;

import java.util.Comparator;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * A token that is looked for in the text before anything else is done with it.
 *
 * @param content its text
 * @param id its number
 * @param normalized whether it is looked for after the text has been normalised
 * @param stripLeft whether it swallows white space in front
 * @param stripRight whether it swallows white space behind
 */
record AddedToken(
    String content, int id, boolean normalized, boolean stripLeft, boolean stripRight) {

  /** What hears the pieces of a text in their order. */
  interface Pieces {
    void text(String piece);

    void token(AddedToken token);
  }

  /**
   * Cuts a text at the tokens: the leftmost first, of those that begin at one place the longest.
   */
  static void split(String text, List<AddedToken> tokens, Pieces to) {
    List<AddedToken> longestFirst =
        tokens.stream()
            .filter(t -> !t.content.isEmpty())
            .sorted(Comparator.comparingInt(t -> -t.content.length()))
            .toList();
    int start = 0;
    for (int at = 0; at < text.length(); at++) {
      for (AddedToken token : longestFirst) {
        if (!text.startsWith(token.content, at)) {
          continue;
        }
        int from = at;
        int end = at + token.content.length();
        while (token.stripLeft && from > start && isSpace(text.charAt(from - 1))) {
          from--;
        }
        while (token.stripRight && end < text.length() && isSpace(text.charAt(end))) {
          end++;
        }
        if (from > start) {
          to.text(text.substring(start, from));
        }
        to.token(token);
        start = end;
        at = end - 1;
        break;
      }
    }
    if (start < text.length()) {
      to.text(text.substring(start));
    }
  }

  /**
   * Cuts a text at the tokens that are looked for as it is, then what lies between, normalised, at
   * the others.
   */
  static void split(
      String text,
      List<AddedToken> raw,
      UnaryOperator<String> normalizer,
      List<AddedToken> normalized,
      Pieces to) {
    split(
        text,
        raw,
        new Pieces() {
          @Override
          public void text(String piece) {
            split(normalizer.apply(piece), normalized, to);
          }

          @Override
          public void token(AddedToken token) {
            to.token(token);
          }
        });
  }

  private static boolean isSpace(char c) {
    return ClipText.isSpace(c);
  }
}
