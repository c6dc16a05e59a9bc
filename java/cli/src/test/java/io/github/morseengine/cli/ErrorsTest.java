package io.github.morseengine.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.morseengine.engine.tensor.Tensor;
import org.junit.jupiter.api.Test;

class ErrorsTest {

  @Test
  void eachPictureCountsByItsOwnRoot() {
    Tensor zero = Tensor.ofFloats(new float[4], 2, 1, 1, 2);
    Tensor other = Tensor.ofFloats(new float[] {1, -1, 3, 3}, 2, 1, 1, 2);
    assertEquals(9, Errors.squared(other, zero, 1));
    assertEquals(2, Errors.meanRmse(other, zero), "not the root of 5");
  }

  @Test
  void psnrIsOfPicturesFromMinusOneToOne() {
    assertEquals(20, Errors.psnr(0.2), 1e-9);
  }
}
