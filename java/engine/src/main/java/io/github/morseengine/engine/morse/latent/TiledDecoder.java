package io.github.morseengine.engine.morse.latent;

import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import java.util.function.UnaryOperator;

/**
 * Decodes large latents by overlapping tiles, so that memory grows with the tile and not with the
 * picture (tiled_decode of diffusers' AutoencoderKL): neighbours overlap by a quarter of a tile,
 * and the overlap fades from one to the other along a straight line. Stateless.
 */
final class TiledDecoder {

  private static final int OVERLAP = 4;

  private TiledDecoder() {}

  /**
   * Decodes one picture.
   *
   * @param z scaled latents, float32 [1, C, h, w]
   * @param tile side of a tile in latents; larger latents are cut
   * @param factor pixels per latent
   * @param decode decodes one tile
   * @return float32 [1, 3, h * factor, w * factor]
   */
  static Tensor decode(Tensor z, long tile, int factor, UnaryOperator<Tensor> decode) {
    long height = z.dim(2);
    long width = z.dim(3);
    if (height <= tile && width <= tile) {
      return decode.apply(z);
    }
    long stride = tile - tile / OVERLAP;
    long blend = tile * factor / OVERLAP;
    Tensor out = null;
    for (long y = 0; y == 0 || y + tile - stride < height; y += stride) {
      for (long x = 0; x == 0 || x + tile - stride < width; x += stride) {
        Tensor part =
            decode.apply(cut(z, y, x, Math.min(tile, height - y), Math.min(tile, width - x)));
        if (out == null) {
          out = Tensor.allocate(DType.FLOAT32, 1, part.dim(1), height * factor, width * factor);
        }
        paste(part, out, y * factor, x * factor, blend);
      }
    }
    return out;
  }

  private static Tensor cut(Tensor z, long top, long left, long height, long width) {
    Tensor out = Tensor.allocate(DType.FLOAT32, 1, z.dim(1), height, width);
    for (long c = 0; c < z.dim(1); c++) {
      for (long y = 0; y < height; y++) {
        for (long x = 0; x < width; x++) {
          double v = z.getDouble((c * z.dim(2) + top + y) * z.dim(3) + left + x);
          out.setDouble((c * height + y) * width + x, v);
        }
      }
    }
    return out;
  }

  /** Writes a tile; its first rows and columns fade in over what earlier tiles have written. */
  private static void paste(Tensor tile, Tensor out, long top, long left, long blend) {
    long height = tile.dim(2);
    long width = tile.dim(3);
    for (long c = 0; c < tile.dim(1); c++) {
      for (long y = 0; y < height; y++) {
        double down = top == 0 ? 1 : Math.min(1, (double) y / blend);
        for (long x = 0; x < width; x++) {
          double share = down * (left == 0 ? 1 : Math.min(1, (double) x / blend));
          long at = (c * out.dim(2) + top + y) * out.dim(3) + left + x;
          double before = share == 1 ? 0 : out.getDouble(at);
          double v = tile.getDouble((c * height + y) * width + x);
          out.setDouble(at, share * v + (1 - share) * before);
        }
      }
    }
  }
}
