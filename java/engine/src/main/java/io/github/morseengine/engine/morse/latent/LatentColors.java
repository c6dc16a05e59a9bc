package io.github.morseengine.engine.morse.latent;

import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;

/**
 * Colours of latents without a decoder: a pixel for each, as a linear function that was fitted to
 * the decoder's pictures. Enough to see where a run is heading. Stateless.
 */
public final class LatentColors {

  private static final int CHANNELS = 4;

  /**
   * Red, green and blue in [-1, 1] from four latents of Stable Diffusion 1 and 2, without bias; by
   * Keturn, "Decoding latents to RGB without upscaling" (discuss.huggingface.co, topic 23204).
   */
  private static final double[][] STABLE_DIFFUSION = {
    {0.298, 0.187, -0.158, -0.184, 0},
    {0.207, 0.286, 0.189, -0.271, 0},
    {0.208, 0.173, 0.264, -0.473, 0}
  };

  /**
   * The same of SDXL, in levels of 255 with a bias; by T. Alexis Vass, "Explaining the SDXL latent
   * space" (huggingface.co/blog, 2024).
   */
  private static final double[][] XL = {
    {60, -60, 25, -70, 150}, {60, -5, 15, -50, 140}, {60, 10, -5, -35, 130}
  };

  private LatentColors() {}

  /**
   * Checks that a folder's latents have known colours.
   *
   * @param folder the folder
   * @throws InvalidInputException if they have not
   */
  public static void check(DiffusersFolder folder) {
    if (folder.vae().channels() != CHANNELS) {
      throw new InvalidInputException(
          "'%s' has latents of %d channels: the colours of 4 only are known, so leave the preview out"
              .formatted(folder.path(), folder.vae().channels()));
    }
  }

  /**
   * Colours latents.
   *
   * @param latents float32 [N, 4, h, w] as the U-Net sees them, without noise
   * @param kind whose latents
   * @return float32 [N, 3, h, w] in about [-1, 1]
   */
  public static Tensor rgb(Tensor latents, DiffusersFolder.Kind kind) {
    boolean xl = kind == DiffusersFolder.Kind.STABLE_DIFFUSION_XL;
    double[][] factors = xl ? XL : STABLE_DIFFUSION;
    Tensor out = Tensor.allocate(DType.FLOAT32, latents.dim(0), 3, latents.dim(2), latents.dim(3));
    long plane = latents.dim(2) * latents.dim(3);
    for (long n = 0; n < latents.dim(0); n++) {
      for (int c = 0; c < 3; c++) {
        for (long i = 0; i < plane; i++) {
          double v = factors[c][CHANNELS];
          for (int k = 0; k < CHANNELS; k++) {
            v += factors[c][k] * latents.getDouble((n * CHANNELS + k) * plane + i);
          }
          out.setDouble((n * 3 + c) * plane + i, xl ? v / 127.5 - 1 : v);
        }
      }
    }
    return out;
  }
}
