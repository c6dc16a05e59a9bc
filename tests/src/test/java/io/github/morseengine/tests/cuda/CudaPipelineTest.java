package io.github.morseengine.tests.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.backend.Precision;
import io.github.morseengine.engine.morse.GenerateRequest;
import io.github.morseengine.engine.morse.latent.DiffusersFolder;
import io.github.morseengine.engine.morse.latent.TextPipeline;
import io.github.morseengine.engine.morse.latent.TextRequest;
import io.github.morseengine.engine.morse.latent.TextResult;
import io.github.morseengine.tests.support.Compare;
import io.github.morseengine.tests.support.Fixtures;
import io.github.morseengine.tests.support.Runner;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Whole pipelines of exported folders on the CUDA backend, where the loop itself runs on the
 * device, against the CPU's, which TextPipelineTest holds to diffusers; small pictures, since the
 * simulated device takes its time.
 */
class CudaPipelineTest {

  private static final int SIDE = 16;

  /**
   * Four steps of networks in float32, each within 1e-6 (see CudaModelTest), and guidance of 3: a
   * mask that is left out, scaled or moved by a row shows at 1e-2.
   */
  private static final double FULL = 2e-5;

  @TempDir static Path folder;

  @BeforeAll
  static void unpack() {
    Fixtures.unpack("inpainting.zip", folder);
  }

  /**
   * Dot takes x_s with the mask in one of them and without in the other; Euler scales its input.
   */
  @ParameterizedTest
  @CsvSource({
    "inpaint, ddim, 1, 1, 3",
    "inpaint_dynamo, ddim, 1, 0.5, 1",
    "inpaint_xl, euler, 0, 0.5, 3"
  })
  void inpaintingAgreesWithTheCpu(
      String kind, String sampler, int dot, double strength, double guidance) throws IOException {
    Path model = folder.resolve(kind);
    GenerateRequest sampling =
        GenerateRequest.builder()
            .count(2)
            .sampler(sampler)
            .dash(2)
            .dot(dot)
            .guidance(guidance)
            .seed(5)
            .build();
    TextRequest request =
        new TextRequest(
            sampling,
            List.of("a cat", "a dog"),
            null,
            SIDE,
            SIDE,
            picture(model, "picture"),
            strength,
            picture(model, "mask"));
    TextResult want;
    try (Engine engine = Runner.engine("cpu")) {
      want = draw(engine, model, request);
    }
    try (Engine engine = CudaEngines.ownKernels(Precision.FP32)) {
      TextResult got = draw(engine, model, request);
      double error = Compare.relativeRms(want.sampling().latents(), got.sampling().latents());
      assertTrue(error <= FULL, "latents: relative error " + error);
      error = Compare.relativeRms(want.pictures(), got.pictures());
      assertTrue(error <= FULL, "pictures: relative error " + error);
      assertEquals(0, engine.deviceBytes(), "device bytes");
    }
  }

  private static BufferedImage picture(Path model, String name) throws IOException {
    return ImageIO.read(model.resolve("golden/" + name + ".png").toFile());
  }

  private static TextResult draw(Engine engine, Path model, TextRequest request) {
    try (TextPipeline pipeline = TextPipeline.open(engine, DiffusersFolder.open(model))) {
      return pipeline.generate(request, (done, total) -> {});
    }
  }
}
