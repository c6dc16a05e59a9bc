package io.github.morseengine.engine.morse.text;

import io.github.morseengine.engine.error.ModelFormatException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The table of characters of a SentencePiece model (Kudo and Richardson 2018): what becomes of each
 * character, or of one with marks. A double-array trie (Aoe 1989) leads from the UTF-8 bytes to a
 * text that ends in a zero byte. It is used as the tokenizers library uses it: a grapheme cluster
 * of fewer than six bytes is replaced as a whole by what its shortest prefix that is in the table
 * stands for, of others each character on its own. Immutable.
 */
final class CharacterMap implements UnaryOperator<String> {

  private static final Pattern GRAPHEME = Pattern.compile("\\X");
  private static final int WHOLE_BELOW = 6;

  private final int[] units;
  private final byte[] texts;

  /**
   * Reads a table.
   *
   * @param base64 {@code precompiled_charsmap}: bytes of the trie, the trie, the texts
   * @param name the file, for messages
   */
  CharacterMap(String base64, String name) {
    ByteBuffer bytes;
    try {
      bytes = ByteBuffer.wrap(Base64.getDecoder().decode(base64)).order(ByteOrder.LITTLE_ENDIAN);
    } catch (IllegalArgumentException e) {
      throw new ModelFormatException(
          "'" + name + "': precompiled_charsmap is no base64: " + e.getMessage(), e);
    }
    int size = bytes.remaining() < Integer.BYTES ? -1 : bytes.getInt();
    if (size < Integer.BYTES || size > bytes.remaining() || size % Integer.BYTES != 0) {
      throw new ModelFormatException(
          "'" + name + "': precompiled_charsmap holds no trie: the file is damaged");
    }
    units = new int[size / Integer.BYTES];
    bytes.asIntBuffer().get(units);
    bytes.position(bytes.position() + size);
    texts = new byte[bytes.remaining()];
    bytes.get(texts);
  }

  @Override
  public String apply(String text) {
    StringBuilder out = new StringBuilder(text.length());
    Matcher graphemes = GRAPHEME.matcher(text);
    while (graphemes.find()) {
      String grapheme = graphemes.group();
      byte[] bytes = grapheme.getBytes(StandardCharsets.UTF_8);
      String whole = bytes.length < WHOLE_BELOW ? find(bytes) : null;
      if (whole != null) {
        out.append(whole);
        continue;
      }
      grapheme
          .codePoints()
          .forEach(
              c -> {
                String character = Character.toString(c);
                String other = find(character.getBytes(StandardCharsets.UTF_8));
                out.append(other == null ? character : other);
              });
    }
    return out.toString();
  }

  /** What the shortest prefix in the table stands for; null where there is none. */
  private String find(byte[] key) {
    int at = offset(units[0]);
    for (byte b : key) {
      at ^= b & 0xFF;
      if (b == 0 || at < 0 || at >= units.length || label(units[at]) != (b & 0xFF)) {
        return null;
      }
      int unit = units[at];
      at ^= offset(unit);
      if ((unit >>> 8 & 1) == 1) {
        return at < 0 || at >= units.length ? null : text(units[at] & Integer.MAX_VALUE);
      }
    }
    return null;
  }

  private String text(int from) {
    int end = from;
    while (end < texts.length && texts[end] != 0) {
      end++;
    }
    return from >= texts.length ? "" : new String(texts, from, end - from, StandardCharsets.UTF_8);
  }

  /** The byte that leads to a unit; no byte's where the unit holds a value. */
  private static int label(int unit) {
    return unit & 0x800000FF;
  }

  private static int offset(int unit) {
    return unit >>> 10 << ((unit & 1 << 9) >>> 6);
  }
}
