package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.tensor.Tensor;
import java.awt.image.BufferedImage;

/** Samples as pictures: [-1, 1] becomes [0, 255], what lies outside is cut. Stateless. */
public final class Images {

  private Images() {}

  /**
   * Converts one sample.
   *
   * @param samples float32 [N, C, H, W] with 1 or 3 channels
   * @param index which
   * @return an RGB picture of W x H pixels
   */
  public static BufferedImage image(Tensor samples, int index) {
    BufferedImage out =
        new BufferedImage((int) samples.dim(3), (int) samples.dim(2), BufferedImage.TYPE_INT_RGB);
    draw(samples, index, out, 0, 0);
    return out;
  }

  /**
   * Puts all samples into one picture, row by row.
   *
   * @param samples float32 [N, C, H, W] with 1 or 3 channels
   * @param columns samples per row, at least 1
   * @return an RGB picture; places without a sample are white
   */
  public static BufferedImage grid(Tensor samples, int columns) {
    int n = (int) samples.dim(0);
    int rows = (n + columns - 1) / columns;
    int h = (int) samples.dim(2);
    int w = (int) samples.dim(3);
    BufferedImage out =
        new BufferedImage(
            Math.multiplyExact(w, columns),
            Math.multiplyExact(h, rows),
            BufferedImage.TYPE_INT_RGB);
    for (int y = 0; y < out.getHeight(); y++) {
      for (int x = 0; x < out.getWidth(); x++) {
        out.setRGB(x, y, 0xFFFFFF);
      }
    }
    for (int i = 0; i < n; i++) {
      draw(samples, i, out, i % columns * w, i / columns * h);
    }
    return out;
  }

  private static void draw(Tensor samples, int index, BufferedImage out, int left, int top) {
    long channels = samples.dim(1);
    if (channels != 1 && channels != 3) {
      throw new InvalidInputException(
          "samples of " + channels + " channels are no pictures: save the latents instead");
    }
    int h = (int) samples.dim(2);
    int w = (int) samples.dim(3);
    for (int y = 0; y < h; y++) {
      for (int x = 0; x < w; x++) {
        int rgb = 0;
        for (int c = 0; c < 3; c++) {
          long plane = index * channels + (channels == 1 ? 0 : c);
          rgb = rgb << 8 | level(samples.getDouble((plane * h + y) * w + x));
        }
        out.setRGB(left + x, top + y, rgb);
      }
    }
  }

  private static int level(double v) {
    return (int) Math.clamp(Math.round((v + 1) * 127.5), 0L, 255L);
  }
}
