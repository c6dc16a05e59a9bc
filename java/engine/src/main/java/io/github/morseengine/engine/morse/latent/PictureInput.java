package io.github.morseengine.engine.morse.latent;

import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;

/** Pictures as the VAE's encoder and the mask want them. Stateless. */
final class PictureInput {

  private static final double HALF = 127.5;
  private static final double MOST = 255;

  private PictureInput() {}

  /** Pixels as float32 [1, 3, height, width] in [-1, 1]; another size is scaled (bicubic). */
  static Tensor pixels(BufferedImage image, int height, int width) {
    BufferedImage rgb = scaled(image, height, width);
    Tensor out = Tensor.allocate(DType.FLOAT32, 1, 3, height, width);
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        int pixel = rgb.getRGB(x, y);
        for (int c = 0; c < 3; c++) {
          int level = pixel >> 16 - 8 * c & 0xFF;
          out.setDouble(((long) c * height + y) * width + x, level / HALF - 1);
        }
      }
    }
    return out;
  }

  private static BufferedImage scaled(BufferedImage image, int height, int width) {
    BufferedImage rgb = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
    Graphics2D g = rgb.createGraphics();
    g.setRenderingHint(
        RenderingHints.KEY_INTERPOLATION, RenderingHints.VALUE_INTERPOLATION_BICUBIC);
    g.drawImage(image, 0, 0, width, height, null);
    g.dispose();
    return rgb;
  }

  /**
   * A mask of latents, float32 [1, 1, h, w]: 1 where the nearest pixel is more white than black.
   */
  static Tensor mask(BufferedImage mask, int height, int width) {
    Tensor out = Tensor.allocate(DType.FLOAT32, 1, 1, height, width);
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        int pixel = mask.getRGB(x * mask.getWidth() / width, y * mask.getHeight() / height);
        // The weights of ITU-R 601, as a grey picture of PIL has them.
        double grey =
            0.299 * (pixel >> 16 & 0xFF) + 0.587 * (pixel >> 8 & 0xFF) + 0.114 * (pixel & 0xFF);
        out.setDouble((long) y * width + x, grey >= MOST / 2 ? 1 : 0);
      }
    }
    return out;
  }
}
