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
  void detailIsOfNeighboursInEachPicture() {
    // Flat; a step of 2 across in one of four pairs of neighbours, both rows and both channels.
    Tensor flat = Tensor.ofFloats(new float[] {5, 5, 5, 5, -1, -1, -1, -1}, 1, 2, 2, 2);
    assertEquals(0, Errors.detail(flat));
    Tensor two = Tensor.ofFloats(new float[] {5, 5, 5, 5, 0, 2, 0, 2}, 2, 1, 2, 2);
    assertEquals(Math.sqrt(2) / 2, Errors.detail(two), 1e-9, "the mean of 0 and the root of 8 / 4");
    Tensor down = Tensor.ofFloats(new float[] {0, 0, 0, 3, 3, 3}, 1, 1, 2, 3);
    assertEquals(Math.sqrt(27 / 7.0), Errors.detail(down), 1e-9);
  }

  @Test
  void psnrIsOfPicturesFromMinusOneToOne() {
    assertEquals(20, Errors.psnr(0.2), 1e-9);
  }
}
