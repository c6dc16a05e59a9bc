package io.github.morseengine.engine.morse.latent;

import io.github.morseengine.engine.error.ModelFormatException;
import io.github.morseengine.engine.graph.onnx.OnnxModel;
import io.github.morseengine.engine.ir.Dim;
import io.github.morseengine.engine.morse.json.Json;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * U-Nets made for inpainting: behind the latents they see the mask and the latents of the picture
 * without what the mask covers, 4 + 1 + 4 channels (Rombach et al. 2022, arXiv 2112.10752, section
 * 4.5; StableDiffusionInpaintPipeline of diffusers). Stateless.
 */
final class Inpainting {

  private Inpainting() {}

  /**
   * Whether a folder's U-Net is one. Its file decides, then unet/config.json, then the pipeline
   * that model_index.json names.
   *
   * @param folder the folder
   * @param inputs of the U-Net
   * @throws ModelFormatException if its channels are those of no known kind
   */
  static boolean expected(DiffusersFolder folder, List<OnnxModel.Port> inputs) {
    long latents = folder.vae().channels();
    long channels = channels(folder, inputs);
    if (channels < 0) {
      return folder.inpainting();
    }
    if (channels == latents || channels == 2 * latents + 1) {
      return channels != latents;
    }
    throw new ModelFormatException(
        "'%s': the U-Net takes %d channels: only %d (latents) and %d (latents, mask, masked picture) can be run"
            .formatted(folder.path(), channels, latents, 2 * latents + 1));
  }

  private static long channels(DiffusersFolder folder, List<OnnxModel.Port> inputs) {
    for (OnnxModel.Port p : inputs) {
      Dim d = p.name().equals("sample") && p.dims() != null ? p.dims().get(1) : null;
      if (d != null && d.isFixed()) {
        return d.size();
      }
    }
    Object given =
        Json.file(folder.models().dash().resolveSibling("config.json")).get("in_channels");
    return given instanceof Double d ? d.longValue() : -1;
  }

  /** Pixels [1, 3, H, W] with 0, a middle grey, where the mask [1, 1, H, W] covers them. */
  static Tensor uncovered(Tensor pixels, Tensor mask) {
    Tensor out = Tensor.allocate(DType.FLOAT32, pixels.shape());
    long plane = mask.elements();
    for (long i = 0; i < pixels.elements(); i++) {
      out.setDouble(i, mask.getDouble(i % plane) < 0.5 ? pixels.getDouble(i) : 0);
    }
    return out;
  }

  /** Mask [1, 1, h, w] and masked latents [1, C, h, w] as [1, 1 + C, h, w]. */
  static Tensor beside(Tensor mask, Tensor masked) {
    Tensor out = Tensor.allocate(DType.FLOAT32, 1, 1 + masked.dim(1), masked.dim(2), masked.dim(3));
    MemorySegment.copy(mask.data(), 0, out.data(), 0, mask.byteSize());
    MemorySegment.copy(masked.data(), 0, out.data(), mask.byteSize(), masked.byteSize());
    return out;
  }
}
