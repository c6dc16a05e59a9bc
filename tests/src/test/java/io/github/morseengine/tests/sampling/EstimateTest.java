package io.github.morseengine.tests.sampling;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.morse.GenerateRequest;
import io.github.morseengine.engine.morse.GenerateResult;
import io.github.morseengine.engine.morse.ModelDirectory;
import io.github.morseengine.engine.morse.MorsePipeline;
import io.github.morseengine.engine.morse.NoiseSchedule;
import io.github.morseengine.engine.morse.ProgressListener;
import io.github.morseengine.engine.morse.latent.DiffusersFolder;
import io.github.morseengine.engine.morse.latent.LatentColors;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.tests.support.Compare;
import io.github.morseengine.tests.support.Runner;
import io.github.morseengine.tests.support.ToyMorse;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What previews show: what each step takes the finished picture for. */
class EstimateTest {

  /** Two steps' samples in float32, times up to ten where the signal hardly changes. */
  private static final double TOLERANCE = 1e-5;

  @TempDir Path folder;
  private Engine engine;
  private MorsePipeline pipeline;
  private ModelDirectory directory;

  @BeforeEach
  void open() throws IOException {
    Path model = ToyMorse.write(folder);
    Files.writeString(
        model.resolve("scheduler_config.json"),
        "{\"num_train_timesteps\": 100, \"clip_sample\": false}");
    directory = ModelDirectory.open(model);
    engine = Runner.engine("cpu");
    pipeline = MorsePipeline.open(engine, directory);
  }

  @AfterEach
  void close() {
    pipeline.close();
    engine.close();
  }

  /** Keeps copies. */
  private static final class Kept implements ProgressListener {
    private final List<Tensor> estimates = new ArrayList<>();
    private int done;

    @Override
    public void step(int now, int total) {
      done = now;
    }

    @Override
    public boolean wantsEstimates() {
      return true;
    }

    @Override
    public void estimate(int now, int total, Tensor estimate) {
      assertEquals(done + 1, now, "before the step is told of");
      estimates.add(Compare.copy(estimate));
    }
  }

  private static GenerateRequest.Builder request() {
    return GenerateRequest.builder().count(3).dash(3).dot(1).seed(42).trajectory(true);
  }

  /**
   * DDIM without noise goes from sqrt(bar) x_0 + sqrt(1 - bar) e to the next bar with the same x_0
   * and e, so that two samples tell x_0.
   */
  private void agreesWithTheTrajectory(GenerateRequest request) {
    Kept kept = new Kept();
    GenerateResult result = pipeline.generate(request, kept);
    NoiseSchedule noises = new NoiseSchedule(directory.scheduler());
    Tensor all = result.trajectory();
    int steps = result.steps().size();
    int batch = result.batch();
    assertEquals(steps * Math.ceilDiv(request.count(), batch), kept.estimates.size());
    long size = all.elements() / all.dim(0) / all.dim(1);
    for (int k = 0; k < kept.estimates.size(); k++) {
      int i = k % steps;
      double bar = noises.alphaBar((int) result.steps().get(i).timestep());
      double next =
          i + 1 == steps ? 1 : noises.alphaBar((int) result.steps().get(i + 1).timestep());
      double keep = Math.sqrt((1 - next) / (1 - bar));
      Tensor estimate = kept.estimates.get(k);
      assertEquals(Math.min(batch, request.count() - k / steps * batch), estimate.dim(0));
      for (long e = 0; e < estimate.elements(); e++) {
        long at = (i * all.dim(1) + k / steps * batch) * size + e;
        double x = all.getDouble(at);
        double after = all.getDouble(at + all.dim(1) * size);
        double start = (after - keep * x) / (Math.sqrt(next) - keep * Math.sqrt(bar));
        assertEquals(start, estimate.getDouble(e), TOLERANCE * (1 + Math.abs(start)), "step " + i);
      }
    }
    GenerateResult without = pipeline.generate(request, (done, total) -> {});
    Compare.identical(without.latents(), result.latents(), "with and without estimates");
  }

  @Test
  void estimatesAreThoseOfTheSampler() {
    agreesWithTheTrajectory(request().build());
    agreesWithTheTrajectory(request().label("1").guidance(3).build());
    agreesWithTheTrajectory(request().batch(2).build());
  }

  /** Where the sampler scales the model's input, and at the last step, which ends at x_0. */
  @Test
  void theLastEstimateIsTheResult() {
    for (String sampler : List.of("euler", "ddim", "dpmpp:1")) {
      Kept kept = new Kept();
      GenerateResult result = pipeline.generate(request().sampler(sampler).build(), kept);
      double error = Compare.relativeRms(result.latents(), kept.estimates.getLast());
      assertTrue(error <= TOLERANCE, sampler + ": relative error " + error);
      double first = Compare.relativeRms(result.latents(), kept.estimates.getFirst());
      assertTrue(first > 100 * error, sampler + ": the first is " + first);
    }
  }

  @Test
  void latentsHaveTheColoursOfTheirModel() {
    float[] latents = {0, 1, 0, 0, 0, 0, 2, 0};
    Tensor x = Tensor.ofFloats(latents, 1, 4, 1, 2);
    Tensor sd = LatentColors.rgb(x, DiffusersFolder.Kind.STABLE_DIFFUSION);
    float[] wanted = {2 * -0.184f, 0.298f, 2 * -0.271f, 0.207f, 2 * -0.473f, 0.208f};
    Compare.close(Tensor.ofFloats(wanted, 1, 3, 1, 2), sd, 1e-6, "Stable Diffusion");
    Tensor xl = LatentColors.rgb(x, DiffusersFolder.Kind.STABLE_DIFFUSION_XL);
    float[] levels = {150 - 140, 150 + 60, 140 - 100, 140 + 60, 130 - 70, 130 + 60};
    for (int i = 0; i < levels.length; i++) {
      levels[i] = levels[i] / 127.5f - 1;
    }
    Compare.close(Tensor.ofFloats(levels, 1, 3, 1, 2), xl, 1e-6, "SDXL");
  }
}
