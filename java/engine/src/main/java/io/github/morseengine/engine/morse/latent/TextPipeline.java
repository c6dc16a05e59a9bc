package io.github.morseengine.engine.morse.latent;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.error.ModelFormatException;
import io.github.morseengine.engine.graph.onnx.OnnxModel;
import io.github.morseengine.engine.morse.Condition;
import io.github.morseengine.engine.morse.GenerateRequest;
import io.github.morseengine.engine.morse.GenerateResult;
import io.github.morseengine.engine.morse.GivenStart;
import io.github.morseengine.engine.morse.MorsePipeline;
import io.github.morseengine.engine.morse.ProgressListener;
import io.github.morseengine.engine.morse.Schedule;
import io.github.morseengine.engine.morse.json.Json;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import java.awt.image.BufferedImage;
import java.util.ArrayList;
import java.util.List;

/**
 * Text to picture, picture to picture and inpainting with Stable Diffusion 1 and 2, SDXL and latent
 * consistency models, and with their U-Nets made for inpainting, text to picture with Stable
 * Diffusion 3, with Dot where the folder has one. Safe for use by several threads; the engine stays
 * open and belongs to the caller.
 */
public final class TextPipeline implements AutoCloseable {

  private static final String TIMESTEP_COND = "timestep_cond";

  private final DiffusersFolder folder;
  private final MorsePipeline sampling;
  private final Prompts prompts;
  private final LatentDecoder decoder;
  private final Vae encoder;
  private final boolean inpaints;

  private TextPipeline(
      DiffusersFolder folder,
      MorsePipeline sampling,
      boolean inpaints,
      Prompts prompts,
      LatentDecoder decoder,
      Vae encoder) {
    this.folder = folder;
    this.inpaints = inpaints;
    this.sampling = sampling;
    this.prompts = prompts;
    this.decoder = decoder;
    this.encoder = encoder;
  }

  /**
   * Opens the models, text encoders included; Dash, Dot and the VAE are compiled when they are
   * first used.
   *
   * @param engine the device; must outlive the pipeline
   * @param folder the models
   * @return the pipeline
   * @throws InvalidInputException if the model reads no text
   */
  public static TextPipeline open(Engine engine, DiffusersFolder folder) {
    return open(engine, folder, true);
  }

  /**
   * The same for who draws once, or has little memory.
   *
   * @param engine the device; must outlive the pipeline
   * @param folder the models
   * @param keepEncoders whether the text encoders stay loaded; else every call of {@link #generate}
   *     loads them, and frees them before the first step of Dash
   * @return the pipeline
   * @throws InvalidInputException if the model reads no text
   */
  public static TextPipeline open(Engine engine, DiffusersFolder folder, boolean keepEncoders) {
    if (!folder.kind().readsText()) {
      throw new InvalidInputException(
          "the model '" + folder.path() + "' reads no text but labels: open a LabelPipeline");
    }
    MorsePipeline sampling = MorsePipeline.open(engine, folder.models());
    try {
      return new TextPipeline(
          folder,
          sampling,
          Inpainting.expected(folder, sampling.dashInputs()),
          new Prompts(engine, folder, sampling.dashInputs(), keepEncoders),
          new LatentDecoder(engine, folder),
          folder.encoder().map(f -> new Vae(engine, f, folder.vae().upcast())).orElse(null));
    } catch (RuntimeException | Error e) {
      sampling.close();
      throw e;
    }
  }

  /** {@return whether the guidance scale is embedded instead of taking a second pass} */
  public boolean embedsGuidance() {
    return sampling.dashInputs().stream().anyMatch(p -> p.name().equals(TIMESTEP_COND));
  }

  /** {@return whether the U-Net is made for inpainting, so that a request needs a mask} */
  public boolean inpaints() {
    return inpaints;
  }

  /**
   * Draws pictures.
   *
   * @param request what to draw
   * @param progress hears of each sampler step
   * @return the pictures and what they cost
   * @throws InvalidInputException if the request does not fit the model
   * @throws java.util.concurrent.CancellationException if the thread is interrupted
   */
  public TextResult generate(TextRequest request, ProgressListener progress) {
    long begin = System.nanoTime();
    if (inpaints && request.mask() == null) {
      throw new InvalidInputException(
          "'"
              + folder.path()
              + "' holds a model for inpainting, which sees a picture and a mask beside the latents:"
              + " give "
              + (request.image() == null ? "both" : "a mask"));
    }
    int factor = folder.vae().factor();
    int height = side(request.height(), request.image(), false);
    int width = side(request.width(), request.image(), true);
    List<String> notes = new ArrayList<>();
    GenerateRequest asked = request.sampling();
    boolean embedded = embedsGuidance();
    boolean guided = asked.guidance() > 1 && !embedded;
    if (embedded && request.negative() != null) {
      notes.add("this model embeds the guidance scale: the negative prompt has no effect");
    }
    List<Condition> conditions =
        prompts.conditions(request.prompts(), request.negative(), guided, height, width, notes);
    if (embedded) {
      conditions.add(
          new Condition(
              TIMESTEP_COND, GuidanceEmbedding.of(asked.guidance(), embeddingWidth()), null));
    }
    GenerateRequest.Builder builder =
        asked.toBuilder()
            .conditions(conditions)
            .sampleShape(folder.vae().channels(), height / factor, width / factor)
            .guidance(guided ? asked.guidance() : 1);
    if (request.image() != null) {
      start(builder, request, height, width);
    }
    double encodeMs = (System.nanoTime() - begin) / 1e6;
    GenerateResult result = sampling.generate(builder.build(), progress);
    begin = System.nanoTime();
    Tensor pictures = decoder.decode(result.latents());
    return new TextResult(result, pictures, notes, encodeMs, (System.nanoTime() - begin) / 1e6);
  }

  private int side(int asked, BufferedImage image, boolean width) {
    int side = asked;
    if (side == 0 && image != null) {
      side = width ? image.getWidth() : image.getHeight();
    } else if (side == 0) {
      side = Math.toIntExact(folder.side() * folder.vae().factor());
    }
    int unit = folder.vae().factor() * folder.patch();
    if (side % unit != 0 || side == 0) {
      throw new InvalidInputException(
          "the %s is %d, which is not divisible by %d: use %d"
              .formatted(width ? "width" : "height", side, unit, Math.max(1, side / unit) * unit));
    }
    return side;
  }

  private int embeddingWidth() {
    for (OnnxModel.Port p : sampling.dashInputs()) {
      if (p.name().equals(TIMESTEP_COND) && p.dims() != null && p.dims().size() == 2) {
        if (p.dims().get(1).isFixed()) {
          return Math.toIntExact(p.dims().get(1).size());
        }
      }
    }
    Object width = Json.file(folder.path().resolve("unet/config.json")).get("time_cond_proj_dim");
    if (width instanceof Double d && d >= 4) {
      return d.intValue();
    }
    throw new ModelFormatException(
        "'"
            + folder.path()
            + "': the width of '"
            + TIMESTEP_COND
            + "' stands neither in unet/model.onnx nor as time_cond_proj_dim in unet/config.json");
  }

  /**
   * Encodes the picture and cuts the schedule as diffusers does: the last n * strength steps. A
   * model for inpainting sees the mask itself, and with strength 1 starts from noise alone; around
   * any other the picture is put back after every step.
   */
  private void start(GenerateRequest.Builder builder, TextRequest request, int height, int width) {
    if (encoder == null) {
      throw new InvalidInputException(
          "'"
              + folder.path()
              + "' holds no vae_encoder/model.onnx: without it a picture can't be started from");
    }
    Schedule schedule = request.sampling().schedule();
    int count = schedule.count();
    // diffusers' SD 3 rounds the steps that are left out, and the others those that are kept.
    int kept =
        folder.models().scheduler().flow()
            ? count - (int) (count - count * request.strength())
            : (int) Math.min(count * request.strength(), count);
    if (kept < 1) {
      throw new InvalidInputException(
          "strength "
              + request.strength()
              + " leaves none of "
              + schedule.count()
              + " steps: use a larger strength or more steps");
    }
    int factor = folder.vae().factor();
    Tensor mask =
        request.mask() == null
            ? null
            : PictureInput.mask(request.mask(), height / factor, width / factor);
    Tensor pixels = PictureInput.pixels(request.image(), height, width);
    builder.schedule(new Schedule(schedule.kinds().subList(0, kept)));
    if (inpaints) {
      Tensor covered = PictureInput.mask(request.mask(), height, width);
      builder.beside(Inpainting.beside(mask, encode(Inpainting.uncovered(pixels, covered))));
    }
    if (!inpaints || request.strength() < 1) {
      Tensor around = inpaints ? null : mask;
      builder.start(new GivenStart(encode(pixels), schedule.count() - kept, around));
    }
  }

  /** The mean of the encoder's distribution, scaled for the model. */
  private Tensor encode(Tensor pixels) {
    Tensor moments = encoder.run(pixels);
    long channels = folder.vae().channels();
    if (moments.dim(1) != channels && moments.dim(1) != 2 * channels) {
      throw new ModelFormatException(
          "'"
              + folder.encoder().orElseThrow()
              + "' gives "
              + moments
              + ", expected "
              + channels
              + " or "
              + 2 * channels
              + " channels");
    }
    Tensor out = Tensor.allocate(DType.FLOAT32, 1, channels, moments.dim(2), moments.dim(3));
    for (long i = 0; i < out.elements(); i++) {
      out.setDouble(i, (moments.getDouble(i) - folder.vae().shift()) * folder.vae().scaling());
    }
    return out;
  }

  @Override
  public void close() {
    sampling.close();
    prompts.close();
    decoder.close();
    if (encoder != null) {
      encoder.close();
    }
  }
}
