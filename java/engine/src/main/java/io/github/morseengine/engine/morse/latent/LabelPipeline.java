package io.github.morseengine.engine.morse.latent;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.morse.GenerateRequest;
import io.github.morseengine.engine.morse.GenerateResult;
import io.github.morseengine.engine.morse.MorsePipeline;
import io.github.morseengine.engine.morse.ProgressListener;
import io.github.morseengine.engine.tensor.Tensor;

/**
 * Label to picture with models of latents: DiT as DiTPipeline of diffusers runs it, with Dot where
 * the folder has one. Safe for use by several threads; the engine stays open and belongs to the
 * caller.
 */
public final class LabelPipeline implements AutoCloseable {

  private final DiffusersFolder folder;
  private final MorsePipeline sampling;
  private final LatentDecoder decoder;

  private LabelPipeline(DiffusersFolder folder, MorsePipeline sampling, LatentDecoder decoder) {
    this.folder = folder;
    this.sampling = sampling;
    this.decoder = decoder;
  }

  /**
   * What a request gave.
   *
   * @param sampling the latents and what they cost
   * @param pictures float32 [N, 3, H, W] in [-1, 1]
   * @param decodeMs time of the VAE's decoder, in milliseconds
   */
  public record Result(GenerateResult sampling, Tensor pictures, double decodeMs) {}

  /**
   * Opens the models; the VAE is read when it is first used.
   *
   * @param engine the device; must outlive the pipeline
   * @param folder the models
   * @return the pipeline
   * @throws InvalidInputException if the model reads text
   */
  public static LabelPipeline open(Engine engine, DiffusersFolder folder) {
    if (folder.kind().readsText()) {
      throw new InvalidInputException(
          "the model '" + folder.path() + "' reads text and no labels: open a TextPipeline");
    }
    MorsePipeline sampling = MorsePipeline.open(engine, folder.models());
    return new LabelPipeline(folder, sampling, new LatentDecoder(engine, folder));
  }

  /**
   * Draws pictures in the model's own size.
   *
   * @param request what to draw
   * @param progress hears of each step
   * @return the pictures and what they cost
   * @throws InvalidInputException if the request does not fit the model
   * @throws java.util.concurrent.CancellationException if the thread is interrupted
   */
  public Result generate(GenerateRequest request, ProgressListener progress) {
    GenerateRequest sized = request;
    if (request.noise() == null && request.sampleShape() == null) {
      int side = Math.toIntExact(folder.side());
      sized = request.toBuilder().sampleShape(folder.vae().channels(), side, side).build();
    }
    GenerateResult result = sampling.generate(sized, progress);
    long begin = System.nanoTime();
    Tensor pictures = decoder.decode(result.latents());
    return new Result(result, pictures, (System.nanoTime() - begin) / 1e6);
  }

  @Override
  public void close() {
    sampling.close();
    decoder.close();
  }
}
