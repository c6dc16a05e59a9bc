package io.github.morseengine.engine.morse.text;

/** From a prompt to the ids that a text encoder reads. Safe for use by several threads. */
public sealed interface TextTokenizer permits ClipTokenizer, T5Tokenizer {

  /** {@return ids of every encoding} */
  int length();

  /** {@return one more than the largest id, for a check against the encoder's embedding} */
  int size();

  /**
   * Encodes a prompt. What does not fit is left out from the end, and the encoding says how much.
   *
   * @param text any text; may be empty
   * @return ids of {@link #length()}
   */
  Encoding encode(String text);
}
