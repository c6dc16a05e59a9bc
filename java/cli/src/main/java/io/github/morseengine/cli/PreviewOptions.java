package io.github.morseengine.cli;

import io.github.morseengine.engine.morse.Images;
import io.github.morseengine.engine.morse.PngWriter;
import io.github.morseengine.engine.morse.ProgressListener;
import io.github.morseengine.engine.morse.latent.DiffusersFolder;
import io.github.morseengine.engine.morse.latent.LatentColors;
import io.github.morseengine.engine.tensor.Tensor;
import java.nio.file.Path;
import java.util.Map;
import java.util.function.UnaryOperator;
import picocli.CommandLine.Option;

/** A picture of what a run is heading for, while it goes on. */
final class PreviewOptions {

  private static final int PER_RUN = 10;

  @Option(
      names = "--preview",
      paramLabel = "FILE.png",
      description = {
        "Written anew every few steps: what the pictures being drawn look like so far.",
        "Latents get their colours without the decoder, a pixel for each."
      })
  private Path file;

  @Option(
      names = "--preview-every",
      paramLabel = "N",
      description = "Steps from one --preview to the next. Default: a tenth of all.")
  private Integer every;

  /** Refuses what contradicts itself, before any work. */
  void check(EngineOptions options) {
    if (every != null) {
      options.range("--preview-every", every, 1, Integer.MAX_VALUE);
      if (file == null) {
        throw options.usage("--preview-every needs --preview, the file to write");
      }
    }
    if (file != null) {
      OutputFiles.requireWritable(file);
    }
  }

  /** A listener that tells another of each step, and writes previews of pixels where asked. */
  ProgressListener over(ProgressListener progress) {
    return file == null ? progress : new Writer(progress, UnaryOperator.identity());
  }

  /** The same for latents. */
  ProgressListener over(ProgressListener progress, DiffusersFolder folder) {
    if (file == null) {
      return progress;
    }
    LatentColors.check(folder);
    return new Writer(progress, x -> LatentColors.rgb(x, folder.kind()));
  }

  private final class Writer implements ProgressListener {

    private final ProgressListener progress;
    private final UnaryOperator<Tensor> colors;

    Writer(ProgressListener progress, UnaryOperator<Tensor> colors) {
      this.progress = progress;
      this.colors = colors;
    }

    @Override
    public void step(int done, int total) {
      progress.step(done, total);
    }

    @Override
    public boolean wantsEstimates() {
      return true;
    }

    @Override
    public void estimate(int done, int total, Tensor estimate) {
      int distance = every == null ? Math.ceilDiv(total, PER_RUN) : every;
      if (done % distance == 0 || done == total) {
        int columns = (int) Math.ceil(Math.sqrt(estimate.dim(0)));
        PngWriter.write(
            Images.grid(colors.apply(estimate), columns),
            Map.of("Software", "morse", "step", done + "/" + total),
            file);
      }
    }
  }
}
