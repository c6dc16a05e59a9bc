package io.github.morseengine.engine.morse.latent;

import io.github.morseengine.engine.error.ModelFormatException;
import io.github.morseengine.engine.morse.json.Json;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * Sizes of a VAE.
 *
 * @param scaling what encoded pictures are multiplied by for the model (scaling_factor)
 * @param shift what is taken off before (shift_factor)
 * @param factor pixels per latent and side
 * @param channels of the latents
 * @param upcast whether fp16 cannot hold its activations (force_upcast): so in SDXL's, unless its
 *     configuration says that it was mended; diffusers asks for it in no other pipeline
 */
public record VaeConfig(double scaling, double shift, int factor, long channels, boolean upcast) {

  private static final double SCALING = 0.18215;
  private static final double SCALING_XL = 0.13025;
  private static final double SCALING_3 = 1.5305;
  private static final double SHIFT_3 = 0.0609;
  private static final int LEVELS = 4;
  private static final double CHANNELS = 4;
  private static final double CHANNELS_3 = 16;

  /** Reads config.json; what it leaves out is as in the kind's own models. */
  static VaeConfig read(Path file, DiffusersFolder.Kind kind) {
    Map<String, Object> config = Json.file(file);
    boolean third = kind == DiffusersFolder.Kind.STABLE_DIFFUSION_3;
    double usual =
        switch (kind) {
          case STABLE_DIFFUSION_XL -> SCALING_XL;
          case STABLE_DIFFUSION_3 -> SCALING_3;
          default -> SCALING;
        };
    double scaling = number(config, "scaling_factor", usual, file);
    if (!(scaling > 0)) {
      throw new ModelFormatException(
          "'" + file + "': scaling_factor is " + scaling + ", it must be positive");
    }
    int levels = config.get("block_out_channels") instanceof List<?> l ? l.size() : LEVELS;
    return new VaeConfig(
        scaling,
        number(config, "shift_factor", third ? SHIFT_3 : 0, file),
        1 << levels - 1,
        (long) number(config, "latent_channels", third ? CHANNELS_3 : CHANNELS, file),
        kind == DiffusersFolder.Kind.STABLE_DIFFUSION_XL
            && !Boolean.FALSE.equals(config.get("force_upcast")));
  }

  private static double number(Map<String, Object> config, String key, double usual, Path file) {
    Object value = config.get(key);
    if (value != null && !(value instanceof Double)) {
      throw new ModelFormatException(
          "'" + file + "': the value of '" + key + "' is " + value + ", not a number");
    }
    return value == null ? usual : (Double) value;
  }
}
