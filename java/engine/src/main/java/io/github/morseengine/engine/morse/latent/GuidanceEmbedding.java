package io.github.morseengine.engine.morse.latent;

import io.github.morseengine.engine.tensor.Tensor;

/** How latent consistency models are told the guidance scale. Stateless. */
final class GuidanceEmbedding {

  private static final double SCALE = 1000;
  private static final double PERIOD = 10_000;

  private GuidanceEmbedding() {}

  /**
   * The sinusoidal embedding of a guidance scale (Luo et al. 2023, arXiv 2310.04378, section 4.2,
   * as diffusers' get_guidance_scale_embedding): sin then cos of 1000 (guidance - 1) f_i with f_i =
   * 10000^(-i / (half - 1)).
   *
   * @param guidance the scale
   * @param width elements of the embedding
   * @return float32 [1, width]
   */
  static Tensor of(double guidance, int width) {
    float[] out = new float[width];
    int half = width / 2;
    float w = (float) ((guidance - 1) * SCALE);
    for (int i = 0; i < half; i++) {
      float frequency = (float) Math.exp(-i * (Math.log(PERIOD) / (half - 1)));
      out[i] = (float) Math.sin(w * frequency);
      out[half + i] = (float) Math.cos(w * frequency);
    }
    return Tensor.ofFloats(out, 1, width);
  }
}
