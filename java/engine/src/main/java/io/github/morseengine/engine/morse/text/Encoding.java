package io.github.morseengine.engine.morse.text;

/**
 * A prompt as a text encoder takes it.
 *
 * @param ids token ids: start where there is one, text, end, padding; always the tokenizer's full
 *     length
 * @param used ids before the padding, start and end included
 * @param dropped tokens of the text that did not fit; 0 where all of it is in {@code ids}
 */
public record Encoding(int[] ids, int used, int dropped) {}
