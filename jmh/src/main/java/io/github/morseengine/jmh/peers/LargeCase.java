package io.github.morseengine.jmh.peers;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A model of {@code jmh/models/make_sd15.py} at a side of its latents.
 *
 * @param name for the table
 * @param model what runs
 * @param compared whether ONNX Runtime runs it as well; its CPU kernels have no fp16
 * @param constants inputs that stay the same over the steps of a generation
 */
record LargeCase(String name, Case model, boolean compared, Set<String> constants) {

  private static final Set<String> TEXT = Set.of("encoder_hidden_states");

  private static final int CHANNELS = 4;

  /** The parts that were made, the U-Nets at two sides. */
  static List<LargeCase> in(Path folder) {
    List<LargeCase> out = new ArrayList<>();
    add(out, folder, "unet", "sample", true, TEXT, 32, 64);
    add(out, folder, "unet_fp16", "sample", false, TEXT, 64);
    add(out, folder, "vae_decoder", "latent_sample", true, Set.of(), 64);
    return out;
  }

  private static void add(
      List<LargeCase> out,
      Path folder,
      String part,
      String input,
      boolean compared,
      Set<String> constants,
      long... side) {
    Path file = folder.resolve(part).resolve("model.onnx");
    if (!Files.exists(file)) {
      System.err.println(part + ": left out, there is no '" + file + "' (see jmh/README.md)");
      return;
    }
    for (long s : side) {
      String name = part + "-" + s;
      Map<String, long[]> shapes = Map.of(input, new long[] {1, CHANNELS, s, s});
      out.add(new LargeCase(name, new Case(name, file, 1, shapes), compared, constants));
    }
  }
}
