package io.github.morseengine.tests.latent;

import static io.github.morseengine.tests.support.Faults.fails;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.backend.Precision;
import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.error.ModelFormatException;
import io.github.morseengine.engine.morse.GenerateRequest;
import io.github.morseengine.engine.morse.ProgressListener;
import io.github.morseengine.engine.morse.latent.DiffusersFolder;
import io.github.morseengine.engine.morse.latent.LabelPipeline;
import io.github.morseengine.engine.morse.latent.TextPipeline;
import io.github.morseengine.engine.morse.latent.TextRequest;
import io.github.morseengine.engine.morse.latent.TextResult;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.tests.support.Compare;
import io.github.morseengine.tests.support.Fixtures;
import io.github.morseengine.tests.support.Runner;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Stable Diffusion 3 from its folder against the pictures that diffusers' StableDiffusion3Pipeline
 * draws without T5; folders and requests that do not fit.
 */
class FlowPipelineTest {

  @TempDir static Path shared;
  @TempDir Path own;
  private Path folder;

  static Stream<Path> goldens() {
    Fixtures.unpack("mmdit.zip", shared);
    return PipelineGoldens.of(shared, "sd3", "sd3_morse");
  }

  @BeforeEach
  void unpack() {
    folder = Fixtures.unpack("mmdit.zip", own).resolve("sd3");
  }

  @ParameterizedTest
  @MethodSource("goldens")
  void picturesAreThoseOfDiffusers(Path golden) throws IOException {
    try (Engine engine = Engine.builder().precision(Precision.FP32).build()) {
      PipelineGoldens.check(engine, golden);
    }
  }

  private static GenerateRequest.Builder request() {
    return GenerateRequest.builder().count(1).sampler("euler").dash(2).dot(0).seed(3).guidance(2);
  }

  private static TextRequest sized(GenerateRequest.Builder request, int width) {
    return new TextRequest(request.build(), List.of("a cat"), null, 16, width, null, 1, null);
  }

  private TextResult draw(TextRequest request, ProgressListener progress) {
    try (Engine engine = Runner.engine("cpu");
        TextPipeline p = TextPipeline.open(engine, DiffusersFolder.open(folder))) {
      return p.generate(request, progress);
    }
  }

  private TextResult draw(TextRequest request) {
    return draw(request, (done, total) -> {});
  }

  /** The last step goes to where it was heading; one step alone takes the whole way. */
  @ParameterizedTest
  @ValueSource(ints = {1, 3})
  void estimatesAreWhereTheRunIsHeading(int steps) {
    Tensor[] last = new Tensor[1];
    ProgressListener keep =
        new ProgressListener() {
          @Override
          public void step(int done, int total) {}

          @Override
          public boolean wantsEstimates() {
            return true;
          }

          @Override
          public void estimate(int done, int total, Tensor estimate) {
            last[0] = Compare.copy(estimate);
          }
        };
    TextResult result = draw(sized(request().dash(steps), 16), keep);
    Tensor drawn = result.sampling().latents();
    for (long i = 0; i < drawn.elements(); i++) {
      assertEquals(drawn.getDouble(i), last[0].getDouble(i), 1e-4, "element " + i);
    }
  }

  @Test
  void requestsThatDoNotFitSayWhatWould() {
    fails(
        InvalidInputException.class,
        () -> draw(sized(request().sampler("ddim"), 16)),
        "sampler 'ddim'",
        "flow matching",
        "use euler");
    // Two pixels a latent, two latents a position.
    fails(
        InvalidInputException.class,
        () -> draw(sized(request(), 18)),
        "not divisible by 4",
        "use 16");
    fails(InvalidInputException.class, () -> draw(sized(request().dash(1001), 16)), "1001 steps");
    try (Engine engine = Runner.engine("cpu")) {
      DiffusersFolder model = DiffusersFolder.open(folder);
      fails(InvalidInputException.class, () -> LabelPipeline.open(engine, model), "reads text");
    }
  }

  private void scheduler(String from, String to, String... parts) throws IOException {
    Path file = folder.resolve("scheduler/scheduler_config.json");
    String text = Files.readString(file);
    assertTrue(text.contains(from), text);
    Files.writeString(file, text.replace(from, to));
    fails(ModelFormatException.class, () -> draw(sized(request(), 16)), parts);
    Files.writeString(file, text);
  }

  @Test
  void schedulersThatDoNotFitAreNamed() throws IOException {
    scheduler("\"shift\": 3.0", "\"shift\": 0", "'shift' is 0", "must be positive");
    scheduler("\"shift\"", "\"shiver\"", "unknown key 'shiver'");
    scheduler(
        "\"use_dynamic_shifting\": false",
        "\"use_dynamic_shifting\": true",
        "'use_dynamic_shifting' is true",
        "set it to false");
    scheduler(
        "\"use_karras_sigmas\": false",
        "\"use_karras_sigmas\": true",
        "'use_karras_sigmas' is true",
        "flow matching");
    scheduler(
        "\"stochastic_sampling\": false",
        "\"stochastic_sampling\": true",
        "'stochastic_sampling' is true");
    Path file = folder.resolve("scheduler/scheduler_config.json");
    Files.writeString(file, "{\"_class_name\": \"DDIMScheduler\"}");
    fails(
        ModelFormatException.class,
        () -> draw(sized(request(), 16)),
        "scheduler_config.json",
        "not one of FlowMatchEulerDiscreteScheduler",
        "copy the scheduler");
  }

  @Test
  void partsThatAreMissingAreNamed() throws IOException {
    Path dash = folder.resolve("transformer/model.onnx");
    Files.move(folder.resolve("text_encoder_2/model.onnx"), own.resolve("second.onnx"));
    fails(
        InvalidInputException.class,
        () -> draw(sized(request(), 16)),
        "text_encoder_2/model.onnx",
        "export onnx");
    Files.copy(own.resolve("second.onnx"), folder.resolve("text_encoder_2/model.onnx"));
    Files.delete(folder.resolve("text_encoder/model.onnx"));
    fails(InvalidInputException.class, () -> draw(sized(request(), 16)), "text_encoder/model.onnx");
    // Another model's encoder: its states are wider than the transformer has room for.
    Files.copy(own.resolve("second.onnx"), folder.resolve("text_encoder/model.onnx"));
    fails(
        ModelFormatException.class,
        () -> draw(sized(request(), 16)),
        "give 64 numbers a token",
        "is 56 wide");
    Files.delete(dash);
    fails(
        InvalidInputException.class,
        () -> draw(sized(request(), 16)),
        "nor transformer/model.onnx");
  }
}
