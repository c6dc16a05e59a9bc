package io.github.morseengine.engine.morse.latent;

import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.error.ModelFormatException;
import io.github.morseengine.engine.morse.ModelDirectory;
import io.github.morseengine.engine.morse.json.Json;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A folder of a model of latents as Optimum exports it from diffusers: {@code model_index.json},
 * {@code unet/} or {@code transformer/}, {@code vae_decoder/}, {@code scheduler/}, for text {@code
 * text_encoder/} and {@code tokenizer/}, for SDXL {@code text_encoder_2/} and {@code tokenizer_2/}
 * too, for SD 3 perhaps {@code text_encoder_3/} and {@code tokenizer_3/}, optionally {@code
 * vae_encoder/} and a {@code dot.onnx} beside Dash. The graphs are not read yet.
 *
 * @param path the folder
 * @param kind which pipeline of diffusers it was
 * @param inpainting whether model_index.json names a pipeline that inpaints; its U-Net may still be
 *     one that does not
 * @param models Dash, Dot where there is one, and the scheduler's configuration
 * @param texts CLIP text encoders with their tokenizers: one, two for SDXL and SD 3, none where
 *     labels are read
 * @param t5 T5's encoder with its tokenizer, where SD 3 has one
 * @param decoder the VAE's decoder
 * @param encoder the VAE's encoder, where there is one
 * @param vae the VAE's sizes
 * @param zeroNegative whether an absent negative prompt means zeros instead of an empty text
 * @param aesthetic whether Dash takes a score of beauty in the place of the wanted size, as SDXL's
 *     refiner does (requires_aesthetics_score)
 * @param patch latents per position and side: 1 for U-Nets, patch_size of transformers
 * @param side height and width of the latents that the model was trained for
 */
public record DiffusersFolder(
    Path path,
    Kind kind,
    boolean inpainting,
    ModelDirectory models,
    List<TextPart> texts,
    Optional<TextPart> t5,
    Path decoder,
    Optional<Path> encoder,
    VaeConfig vae,
    boolean zeroNegative,
    boolean aesthetic,
    int patch,
    long side) {

  /** Families of pipelines. */
  public enum Kind {
    /** Stable Diffusion 1 and 2: one text encoder's last hidden state. */
    STABLE_DIFFUSION,
    /** SDXL: two text encoders, a pooled embedding and picture sizes. */
    STABLE_DIFFUSION_XL,
    /** SD 3: a transformer that reads two text encoders, and a third where there is one. */
    STABLE_DIFFUSION_3,
    /** DiT: a transformer that reads labels (Peebles and Xie 2022, arXiv 2212.09748). */
    DIT;

    /** {@return whether it draws from a text, and not from a label} */
    public boolean readsText() {
      return this != DIT;
    }
  }

  /**
   * A text encoder.
   *
   * @param model its graph
   * @param tokenizer folder of its tokenizer
   */
  public record TextPart(Path model, Path tokenizer) {}

  private static final String INDEX = "model_index.json";
  private static final long USUAL_SIDE = 64;

  /** Copies the list. */
  public DiffusersFolder {
    texts = List.copyOf(texts);
  }

  /**
   * Tells whether a folder is laid out so and draws latents.
   *
   * @param path a folder
   * @return whether {@link #open} can be tried
   */
  public static boolean isOne(Path path) {
    return Files.isDirectory(path)
        && (Files.isDirectory(path.resolve("text_encoder"))
            || Files.exists(path.resolve(INDEX)) && kindOf(path).isPresent());
  }

  /**
   * Looks at a folder.
   *
   * @param path the folder
   * @return what is in it
   * @throws InvalidInputException if a part is missing
   * @throws ModelFormatException if a file is not what it should be, or the pipeline is not known
   */
  public static DiffusersFolder open(Path path) {
    boolean two = Files.isDirectory(path.resolve("text_encoder_2"));
    Kind kind = kindOf(path).orElse(two ? Kind.STABLE_DIFFUSION_XL : Kind.STABLE_DIFFUSION);
    Map<String, Object> index = Json.file(path.resolve(INDEX));
    List<TextPart> texts = new ArrayList<>();
    boolean needed = kind == Kind.STABLE_DIFFUSION || kind == Kind.STABLE_DIFFUSION_3;
    if (needed || kind.readsText() && Files.isDirectory(path.resolve("text_encoder"))) {
      texts.add(text(path, ""));
    }
    if (kind == Kind.STABLE_DIFFUSION_XL || kind == Kind.STABLE_DIFFUSION_3) {
      texts.add(text(path, "_2"));
    }
    boolean third =
        kind == Kind.STABLE_DIFFUSION_3 && Files.exists(path.resolve("text_encoder_3/model.onnx"));
    Path encoder = path.resolve("vae_encoder/model.onnx");
    ModelDirectory models = ModelDirectory.open(path);
    Map<String, Object> network = Json.file(models.dash().resolveSibling("config.json"));
    checkPrediction(path, kind, models);
    return new DiffusersFolder(
        path,
        kind,
        String.valueOf(index.get("_class_name")).contains("Inpaint"),
        models,
        texts,
        third ? Optional.of(text(path, "_3")) : Optional.empty(),
        part(path, "vae_decoder", kind),
        Files.exists(encoder) ? Optional.of(encoder) : Optional.empty(),
        VaeConfig.read(path.resolve("vae_decoder/config.json"), kind),
        !Boolean.FALSE.equals(index.get("force_zeros_for_empty_prompt")),
        Boolean.TRUE.equals(index.get("requires_aesthetics_score")),
        network.get("patch_size") instanceof Double p && p >= 1 ? p.intValue() : 1,
        network.get("sample_size") instanceof Double d ? d.longValue() : USUAL_SIDE);
  }

  /** A scheduler of the other kind would draw noise, and nothing would say why. */
  private static void checkPrediction(Path path, Kind kind, ModelDirectory models) {
    boolean flow = kind == Kind.STABLE_DIFFUSION_3;
    if (models.scheduler().flow() != flow) {
      throw new ModelFormatException(
          "'%s/scheduler/scheduler_config.json' is %s, but a model of the kind %s was %strained by flow matching: copy the scheduler of the original model"
              .formatted(
                  path,
                  flow
                      ? "not one of FlowMatchEulerDiscreteScheduler"
                      : "FlowMatchEulerDiscreteScheduler",
                  kind,
                  flow ? "" : "not "));
    }
  }

  /** {@return the same folder, of which T5's encoder is not read} */
  public DiffusersFolder withoutT5() {
    return new DiffusersFolder(
        path,
        kind,
        inpainting,
        models,
        texts,
        Optional.empty(),
        decoder,
        encoder,
        vae,
        zeroNegative,
        aesthetic,
        patch,
        side);
  }

  private static Optional<Kind> kindOf(Path path) {
    Path file = path.resolve(INDEX);
    Object name = Json.file(file).get("_class_name");
    if (name == null) {
      return Optional.empty();
    }
    String plain = name.toString().replaceFirst("^(Onnx|ORT)", "").replaceFirst("Pipeline$", "");
    return switch (plain) {
      case "StableDiffusion",
          "StableDiffusionImg2Img",
          "StableDiffusionInpaint",
          "StableDiffusionInpaintLegacy",
          "LatentConsistencyModel",
          "LatentConsistencyModelImg2Img" ->
          Optional.of(Kind.STABLE_DIFFUSION);
      case "StableDiffusionXL", "StableDiffusionXLImg2Img", "StableDiffusionXLInpaint" ->
          Optional.of(Kind.STABLE_DIFFUSION_XL);
      case "StableDiffusion3" -> Optional.of(Kind.STABLE_DIFFUSION_3);
      case "DiT" -> Optional.of(Kind.DIT);
      case "DDPM", "DDIM", "ScoreSdeVe", "DiffusionPipeline" -> Optional.empty();
      default ->
          throw new ModelFormatException(
              "'"
                  + file
                  + "': the pipeline "
                  + name
                  + " is not known: Stable Diffusion 1 to 3, SDXL, latent consistency models, DiT and"
                  + " plain U-Nets can be run");
    };
  }

  private static TextPart text(Path path, String suffix) {
    Path tokenizer = path.resolve("tokenizer" + suffix);
    if (!Files.isDirectory(tokenizer)) {
      throw new InvalidInputException(
          "'" + path + "' holds no tokenizer" + suffix + "/: copy it from the original model");
    }
    return new TextPart(part(path, "text_encoder" + suffix, Kind.STABLE_DIFFUSION), tokenizer);
  }

  private static Path part(Path path, String name, Kind kind) {
    Path model = path.resolve(name).resolve("model.onnx");
    if (!Files.exists(model)) {
      throw new InvalidInputException(
          "'"
              + path
              + "' holds no "
              + name
              + "/model.onnx: export the whole pipeline to ONNX, e.g. with "
              + (kind.readsText()
                  ? "optimum-cli export onnx --model "
                  : "python -m morse_models export --from ")
              + path.getFileName()
              + (kind.readsText() ? " FOLDER" : " --out FOLDER"));
    }
    return model;
  }
}
