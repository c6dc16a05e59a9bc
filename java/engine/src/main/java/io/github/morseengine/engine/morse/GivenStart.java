package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;

/**
 * A run that begins with a given picture instead of noise alone (SDEdit, Meng et al. 2022, arXiv
 * 2108.01073): the first steps are left out, and the run starts from the picture with the noise of
 * the first step that is left. With a mask, what lies outside is put back after every step, noised
 * as the sample is (latent blending; Lugmayr et al. 2022, arXiv 2201.09865, eq. 8).
 *
 * @param clean the picture as the sampler would leave it, float32 [count or 1, C, H, W]
 * @param skip steps to leave out at the beginning; 0 with a mask starts from noise alone
 * @param mask float32 [count or 1, 1, H, W], 1 where to draw and 0 where to keep; null for none
 */
public record GivenStart(Tensor clean, int skip, Tensor mask) {

  /**
   * Checks types, shapes and range.
   *
   * @throws InvalidInputException if they do not fit
   */
  public GivenStart {
    if (clean.dtype() != DType.FLOAT32 || clean.rank() != 4) {
      throw new InvalidInputException("the start must be float32 [N, C, H, W], got " + clean);
    }
    if (skip < 0) {
      throw new InvalidInputException("steps to leave out must be 0 or more, got " + skip);
    }
    if (mask != null
        && (mask.dtype() != DType.FLOAT32
            || mask.rank() != 4
            || mask.dim(1) != 1
            || mask.dim(2) != clean.dim(2)
            || mask.dim(3) != clean.dim(3))) {
      throw new InvalidInputException(
          "the mask must be float32 [N, 1, "
              + clean.dim(2)
              + ", "
              + clean.dim(3)
              + "], got "
              + mask);
    }
  }

  /** Checks against the number of pictures. */
  void check(int count, long[] sample) {
    boolean fits = clean.dim(0) == 1 || clean.dim(0) == count;
    for (int d = 0; d < 3; d++) {
      fits &= clean.dim(d + 1) == sample[d];
    }
    if (!fits || mask != null && mask.dim(0) != 1 && mask.dim(0) != count) {
      throw new InvalidInputException(
          "the start is "
              + clean
              + (mask == null ? "" : " with mask " + mask)
              + ", expected 1 or "
              + count
              + " rows of "
              + java.util.Arrays.toString(sample));
    }
  }

  /** An element of the clean picture. */
  double clean(long picture, long element, long size) {
    return clean.getDouble((clean.dim(0) == 1 ? 0 : picture) * size + element);
  }

  /** How much of an element is drawn, 0 to 1. */
  double drawn(long picture, long element) {
    long plane = mask.dim(2) * mask.dim(3);
    return mask.getDouble((mask.dim(0) == 1 ? 0 : picture) * plane + element % plane);
  }
}
