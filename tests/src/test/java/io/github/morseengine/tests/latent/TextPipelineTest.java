package io.github.morseengine.tests.latent;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.backend.Precision;
import io.github.morseengine.engine.morse.GenerateRequest;
import io.github.morseengine.engine.morse.ModelDirectory;
import io.github.morseengine.engine.morse.MorsePipeline;
import io.github.morseengine.engine.tensor.Npy;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.tests.support.Fixtures;
import java.io.IOException;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Whole pipelines of exported folders against the pictures that diffusers draws. */
class TextPipelineTest {

  @TempDir static Path folder;

  @BeforeAll
  static void unpack() {
    Fixtures.unpack("pipelines.zip", folder);
    Fixtures.unpack("inpainting.zip", folder);
  }

  static Stream<Path> goldens() {
    return PipelineGoldens.of(
        folder, "sd1", "sd2", "sdxl", "lcm", "morse", "inpaint", "inpaint_dynamo", "inpaint_xl");
  }

  @ParameterizedTest
  @MethodSource("goldens")
  void picturesAreThoseOfDiffusers(Path golden) throws IOException {
    try (Engine engine = Engine.builder().precision(Precision.FP32).build()) {
      PipelineGoldens.check(engine, golden);
    }
  }

  @Test
  void plainUnetsOfDiffusersRunFromTheirFolder() {
    Path golden = folder.resolve("ddpm/golden/ddim");
    GenerateRequest request =
        GenerateRequest.builder()
            .count(2)
            .sampler("ddim")
            .dash(5)
            .dot(0)
            .noise(Npy.read(golden.resolve("noise.npy")))
            .build();
    try (Engine engine = Engine.builder().precision(Precision.FP32).build();
        MorsePipeline pipeline =
            MorsePipeline.open(engine, ModelDirectory.open(folder.resolve("ddpm")))) {
      Tensor latents = pipeline.generate(request, (done, total) -> {}).latents();
      PipelineGoldens.compare(Npy.read(golden.resolve("picture.npy")), latents, golden);
    }
  }
}
