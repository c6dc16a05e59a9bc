package io.github.morseengine.engine.morse.latent;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;

/**
 * From latents to pictures: z / scaling_factor + shift_factor through the VAE's decoder, which is
 * read when it is first used. Safe for use by several threads, which take turns.
 */
final class LatentDecoder implements AutoCloseable {

  /** Least side of a tile, in latents. */
  private static final long TILE = 64;

  private final DiffusersFolder folder;
  private final Vae vae;

  LatentDecoder(Engine engine, DiffusersFolder folder) {
    this.folder = folder;
    this.vae = new Vae(engine, folder.decoder(), folder.vae().upcast());
  }

  /**
   * Decodes picture by picture.
   *
   * @param latents float32 [N, C, h, w]
   * @return float32 [N, 3, H, W] in about [-1, 1]
   */
  Tensor decode(Tensor latents) {
    long n = latents.dim(0);
    long size = latents.elements() / n;
    Tensor out = null;
    for (long i = 0; i < n; i++) {
      Tensor z = Tensor.allocate(DType.FLOAT32, 1, latents.dim(1), latents.dim(2), latents.dim(3));
      for (long k = 0; k < size; k++) {
        double v = latents.getDouble(i * size + k);
        z.setDouble(k, v / folder.vae().scaling() + folder.vae().shift());
      }
      // A tile as large as the model's own pictures: those are decoded whole.
      long tile = Math.max(folder.side(), TILE);
      Tensor picture = TiledDecoder.decode(z, tile, folder.vae().factor(), vae::run);
      if (out == null) {
        out = Tensor.allocate(DType.FLOAT32, n, picture.dim(1), picture.dim(2), picture.dim(3));
      }
      out.data().asSlice(i * picture.byteSize(), picture.byteSize()).copyFrom(picture.data());
    }
    return out;
  }

  @Override
  public void close() {
    vae.close();
  }
}
