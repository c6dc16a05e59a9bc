package io.github.morseengine.cli;

import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.morse.GenerateRequest;
import io.github.morseengine.engine.morse.latent.DiffusersFolder;
import io.github.morseengine.engine.morse.latent.TextPipeline;
import io.github.morseengine.engine.morse.latent.TextRequest;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.imageio.ImageIO;
import picocli.CommandLine.Option;

/** Options of models that read text. */
final class TextOptions {

  private static final Pattern SIZE = Pattern.compile("([0-9]{1,5})x([0-9]{1,5})");

  private static final double STRENGTH = 0.8;

  @Option(
      names = "--prompt",
      paramLabel = "P",
      description = {
        "Text, for models that read text; again for more,",
        "which the pictures take in turn."
      })
  private List<String> prompt;

  @Option(
      names = "--prompts",
      paramLabel = "FILE",
      description = {
        "Prompts, one per line, each drawn --count times into --out-dir; lines whose",
        "pictures are there already are left out. DIR/report.jsonl has a line for each."
      })
  private Path prompts;

  @Option(
      names = "--negative-prompt",
      paramLabel = "P",
      description = "What not to draw, for models that read text.")
  private String negative;

  @Option(
      names = "--no-t5",
      description = {
        "Leave out Stable Diffusion 3's third text encoder, T5, the largest part of it:",
        "less memory, and less of long prompts."
      })
  private boolean noT5;

  @Option(
      names = "--size",
      paramLabel = "WxH",
      description = "Pixels, for models that read text. Default: the model's, or the image's.")
  private String size;

  @Option(names = "--image", paramLabel = "FILE", description = "A picture to start from.")
  private Path image;

  @Option(
      names = "--strength",
      paramLabel = "S",
      description = {
        "How much of the schedule runs with --image, above 0 to 1.",
        "Default: 0.8, for models made for inpainting 1."
      })
  private Double strength;

  @Option(
      names = "--mask",
      paramLabel = "FILE",
      description = {
        "White where to draw anew, black where to keep --image; of the same size.",
        "Models made for inpainting need it."
      })
  private Path mask;

  /** Whether any option asks for a model that reads text. */
  boolean given() {
    return prompt != null
        || prompts != null
        || negative != null
        || noT5
        || size != null
        || image != null
        || mask != null
        || strength != null;
  }

  List<String> prompt() {
    return prompt == null ? List.of("") : prompt;
  }

  Path prompts() {
    return prompts;
  }

  /** Text chunks about prompts for a picture's file. */
  Map<String, String> metadata(List<String> prompts) {
    Map<String, String> out = new LinkedHashMap<>();
    out.put("prompt", String.join("; ", prompts));
    if (negative != null) {
      out.put("negative_prompt", negative);
    }
    return out;
  }

  /** Refuses what contradicts itself, before any work. */
  void check(EngineOptions options, Path outDir) {
    if (prompt != null && prompts != null) {
      throw options.usage("--prompt and --prompts contradict each other: give one");
    }
    if (prompts != null && outDir == null) {
      throw options.usage("--prompts needs --out-dir, where the pictures of each line go");
    }
    if (strength != null && !(strength > 0 && strength <= 1)) {
      throw options.usage("--strength must be above 0 and at most 1, got " + strength);
    }
    if (image == null && (mask != null || strength != null)) {
      throw options.usage("--mask and --strength need --image");
    }
    if (size != null && !SIZE.matcher(size).matches()) {
      throw options.usage("--size must be WxH in pixels, e.g. 512x768, got '" + size + "'");
    }
  }

  /** What of a folder is to be read. */
  DiffusersFolder wanted(DiffusersFolder folder) {
    if (noT5 && folder.kind() != DiffusersFolder.Kind.STABLE_DIFFUSION_3) {
      throw new InvalidInputException(
          "the model '" + folder.path() + "' has no T5: --no-t5 is for Stable Diffusion 3");
    }
    return noT5 ? folder.withoutT5() : folder;
  }

  /** Refuses what does not fit a model. */
  void check(DiffusersFolder folder, TextPipeline pipeline) {
    if (pipeline.inpaints() && mask == null) {
      throw new InvalidInputException(
          "the model '"
              + folder.path()
              + "' is made for inpainting: give --image FILE and --mask FILE");
    }
  }

  /**
   * Reads the pictures and puts the request together.
   *
   * @param inpaints whether the model is made for inpainting
   */
  TextRequest request(GenerateRequest sampling, List<String> texts, boolean inpaints) {
    int width = 0;
    int height = 0;
    if (size != null) {
      Matcher m = SIZE.matcher(size);
      m.matches();
      width = Integer.parseInt(m.group(1));
      height = Integer.parseInt(m.group(2));
    }
    return new TextRequest(
        sampling,
        texts,
        negative,
        height,
        width,
        picture(image),
        strength != null ? strength : image == null || inpaints ? 1 : STRENGTH,
        picture(mask));
  }

  private static BufferedImage picture(Path file) {
    if (file == null) {
      return null;
    }
    try {
      BufferedImage image = Files.isRegularFile(file) ? ImageIO.read(file.toFile()) : null;
      if (image == null) {
        throw new InvalidInputException(
            "'"
                + file
                + (Files.exists(file)
                    ? "' is no picture that can be read: use PNG, JPEG, BMP or GIF"
                    : "' does not exist: give a picture"));
      }
      return image;
    } catch (IOException | IllegalArgumentException | IndexOutOfBoundsException e) {
      throw new InvalidInputException("'" + file + "' is a damaged picture: " + e.getMessage(), e);
    }
  }
}
