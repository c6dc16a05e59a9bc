package io.github.morseengine.tests.latent;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.backend.Precision;
import io.github.morseengine.engine.morse.GenerateRequest;
import io.github.morseengine.engine.morse.ModelDirectory;
import io.github.morseengine.engine.morse.MorsePipeline;
import io.github.morseengine.engine.morse.latent.DiffusersFolder;
import io.github.morseengine.engine.morse.latent.TextPipeline;
import io.github.morseengine.engine.morse.latent.TextRequest;
import io.github.morseengine.engine.morse.latent.TextResult;
import io.github.morseengine.engine.tensor.Npy;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.tests.support.Compare;
import io.github.morseengine.tests.support.Fixtures;
import java.io.IOException;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Whole pipelines of exported folders against the pictures that diffusers draws. */
class TextPipelineTest {

  @TempDir static Path folder;

  @BeforeAll
  static void unpack() {
    Fixtures.unpack("pipelines.zip", folder);
    Fixtures.unpack("inpainting.zip", folder);
    Fixtures.unpack("refiner.zip", folder);
  }

  static Stream<Path> goldens() {
    return PipelineGoldens.of(
        folder,
        "sd1",
        "sd2",
        "sdxl",
        "lcm",
        "morse",
        "inpaint",
        "inpaint_dynamo",
        "inpaint_xl",
        "refiner");
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

  /** What is kept of a text over the steps of a picture belongs to that text. */
  @ParameterizedTest
  @ValueSource(strings = {"sd1", "sdxl", "morse"})
  void onePipelineDrawsOneTextAfterTheOther(String kind) {
    try (Engine engine = Engine.builder().precision(Precision.FP32).build()) {
      Tensor fox;
      Tensor hat;
      try (TextPipeline pipeline = open(engine, kind)) {
        fox = draw(pipeline, kind, "a red fox");
        hat = draw(pipeline, kind, "a hat");
        Compare.identical(fox, draw(pipeline, kind, "a red fox"), "the first text again");
      }
      assertTrue(fox.data().mismatch(hat.data()) >= 0, "the text has no effect");
      try (TextPipeline other = open(engine, kind)) {
        Compare.identical(hat, draw(other, kind, "a hat"), "the second text alone");
      }
    }
  }

  private static TextPipeline open(Engine engine, String kind) {
    return TextPipeline.open(engine, DiffusersFolder.open(folder.resolve(kind)));
  }

  private static Tensor draw(TextPipeline pipeline, String kind, String prompt) {
    GenerateRequest sampling =
        GenerateRequest.builder()
            .sampler("ddim")
            .count(1)
            .dash(2)
            .dot(kind.equals("morse") ? 1 : 0)
            .guidance(3)
            .seed(5)
            .build();
    TextResult result = pipeline.generate(TextRequest.of(sampling, prompt), (done, total) -> {});
    return Compare.copy(result.sampling().latents());
  }
}
