package io.github.morseengine.engine.morse.latent;

import io.github.morseengine.engine.morse.GenerateResult;
import io.github.morseengine.engine.tensor.Tensor;
import java.util.List;

/**
 * What a text request gave.
 *
 * @param sampling the latents and what they cost
 * @param pictures float32 [N, 3, H, W] in [-1, 1]
 * @param notes what the user should know, e.g. that a prompt was cut; one line each
 * @param encodeMs time of the text encoders and the VAE's encoder, in milliseconds
 * @param decodeMs time of the VAE's decoder, in milliseconds
 */
public record TextResult(
    GenerateResult sampling,
    Tensor pictures,
    List<String> notes,
    double encodeMs,
    double decodeMs) {

  /** Copies the list. */
  public TextResult {
    notes = List.copyOf(notes);
  }
}
