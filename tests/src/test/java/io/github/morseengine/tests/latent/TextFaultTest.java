package io.github.morseengine.tests.latent;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.error.ModelFormatException;
import io.github.morseengine.engine.error.MorseException;
import io.github.morseengine.engine.morse.Condition;
import io.github.morseengine.engine.morse.GenerateRequest;
import io.github.morseengine.engine.morse.ModelDirectory;
import io.github.morseengine.engine.morse.MorsePipeline;
import io.github.morseengine.engine.morse.latent.DiffusersFolder;
import io.github.morseengine.engine.morse.latent.TextPipeline;
import io.github.morseengine.engine.morse.latent.TextRequest;
import io.github.morseengine.engine.morse.latent.TextResult;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.tests.support.Fixtures;
import io.github.morseengine.tests.support.Runner;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Folders with a part missing or of another model, and requests that do not fit. */
class TextFaultTest {

  private static final GenerateRequest ONE =
      GenerateRequest.builder().count(1).dash(2).dot(0).guidance(2).build();

  @TempDir static Path shared;
  @TempDir Path own;
  private Path folder;

  @BeforeAll
  static void unpack() {
    Fixtures.unpack("pipelines.zip", shared);
    Fixtures.unpack("tokenizer.zip", shared.resolve("tokenizers"));
    Fixtures.unpack("inpainting.zip", shared);
  }

  @BeforeEach
  void copy() throws IOException {
    folder = own.resolve("model");
    copy(shared.resolve("sd1"), folder);
  }

  private static void copy(Path from, Path to) throws IOException {
    try (Stream<Path> all = Files.walk(from)) {
      for (Path p : all.toList()) {
        Path target = to.resolve(from.relativize(p).toString());
        if (Files.isDirectory(p)) {
          Files.createDirectories(target);
        } else {
          Files.copy(p, target, StandardCopyOption.REPLACE_EXISTING);
        }
      }
    }
  }

  private void refused(Class<? extends MorseException> type, String... parts) {
    String message =
        assertThrows(
                type,
                () -> {
                  try (Engine engine = Runner.engine("cpu");
                      TextPipeline p = TextPipeline.open(engine, DiffusersFolder.open(folder))) {
                    p.generate(TextRequest.of(ONE, "a cat"), (done, total) -> {});
                  }
                })
            .getMessage();
    for (String part : parts) {
      assertTrue(message.contains(part), message);
    }
  }

  @Test
  void aMissingPartIsNamedWithWhatToDo() throws IOException {
    Files.delete(folder.resolve("vae_decoder/model.onnx"));
    refused(InvalidInputException.class, "vae_decoder/model.onnx", "optimum-cli export onnx");
  }

  @Test
  void aMissingTokenizerIsNamed() throws IOException {
    for (Path file : Fixtures.list(folder.resolve("tokenizer"))) {
      Files.delete(file);
    }
    refused(InvalidInputException.class, "tokenizer", "vocab.json");
    Files.delete(folder.resolve("tokenizer"));
    refused(InvalidInputException.class, "holds no tokenizer/");
  }

  @Test
  void aTokenizerOfAnotherModelIsFound() throws IOException {
    copy(shared.resolve("tokenizers/first"), folder.resolve("tokenizer"));
    refused(InvalidInputException.class, "the tokenizer belongs to another model");
  }

  @Test
  void unknownClassesAreNamed() throws IOException {
    Path scheduler = folder.resolve("scheduler/scheduler_config.json");
    String text = Files.readString(scheduler);
    Files.writeString(scheduler, text.replace("PNDMScheduler", "FlowMatchEulerDiscreteScheduler"));
    refused(ModelFormatException.class, "FlowMatchEulerDiscreteScheduler");
    Files.writeString(scheduler, text);
    Path index = folder.resolve("model_index.json");
    Files.writeString(
        index, Files.readString(index).replace("StableDiffusionPipeline", "FluxPipeline"));
    refused(ModelFormatException.class, "FluxPipeline", "model_index.json");
  }

  @Test
  void weightsOfPyTorchAreRecognised() throws IOException {
    Files.delete(folder.resolve("unet/model.onnx"));
    Files.writeString(folder.resolve("unet/diffusion_pytorch_model.safetensors"), "x");
    String message =
        assertThrows(InvalidInputException.class, () -> ModelDirectory.open(folder)).getMessage();
    assertTrue(message.contains("diffusion_pytorch_model.safetensors"), message);
    assertTrue(message.contains("optimum-cli export onnx"), message);
  }

  @Test
  void requestsThatDoNotFitSayWhatWould() {
    try (Engine engine = Runner.engine("cpu");
        TextPipeline pipeline = TextPipeline.open(engine, DiffusersFolder.open(folder))) {
      says(pipeline, request("a", 30, 31, null, 1, null), "the width is 31", "use 30");
      BufferedImage image = new BufferedImage(64, 64, BufferedImage.TYPE_INT_RGB);
      says(pipeline, request("a", 64, 64, image, 0.1, null), "leaves none of 2 steps");
    }
    BufferedImage image = new BufferedImage(64, 64, BufferedImage.TYPE_INT_RGB);
    BufferedImage mask = new BufferedImage(32, 64, BufferedImage.TYPE_INT_RGB);
    String message =
        assertThrows(InvalidInputException.class, () -> request("a", 64, 64, image, 1, mask))
            .getMessage();
    assertEquals("the mask is 32x64, the image 64x64: they must be of one size", message);
  }

  @Test
  void modelsMadeForInpaintingNeedPictureAndMask() throws IOException {
    folder = shared.resolve("inpaint");
    refused(InvalidInputException.class, "model for inpainting", "give both");
    BufferedImage image = new BufferedImage(64, 64, BufferedImage.TYPE_INT_RGB);
    try (Engine engine = Runner.engine("cpu");
        TextPipeline pipeline = TextPipeline.open(engine, DiffusersFolder.open(folder))) {
      assertTrue(pipeline.inpaints());
      says(pipeline, request("a", 64, 64, image, 1, null), "model for inpainting", "give a mask");
      says(pipeline, request("a", 64, 64, image, 0.1, image), "leaves none of 2 steps");
    }
    folder = own.resolve("inpaint");
    copy(shared.resolve("inpaint"), folder);
    Files.delete(folder.resolve("vae_encoder/model.onnx"));
    try (Engine engine = Runner.engine("cpu");
        TextPipeline pipeline = TextPipeline.open(engine, DiffusersFolder.open(folder))) {
      says(pipeline, request("a", 64, 64, image, 1, image), "holds no vae_encoder/model.onnx");
    }
    Path vae = folder.resolve("vae_decoder/config.json");
    String config = Files.readString(vae);
    assertTrue(config.contains("\"latent_channels\": 4"), config);
    Files.writeString(vae, config.replace("\"latent_channels\": 4", "\"latent_channels\": 3"));
    refused(ModelFormatException.class, "takes 9 channels: only 3", "and 7");
  }

  @Test
  void channelsBesideTheSampleMustFit() {
    Tensor noise = Tensor.allocate(DType.FLOAT32, 1, 4, 8, 8);
    Tensor text = Tensor.allocate(DType.FLOAT32, 1, 77, 16);
    GenerateRequest.Builder builder =
        ONE.toBuilder()
            .guidance(1)
            .noise(noise)
            .conditions(List.of(new Condition("encoder_hidden_states", text, null)));
    try (Engine engine = Runner.engine("cpu");
        MorsePipeline pipeline =
            MorsePipeline.open(engine, ModelDirectory.open(shared.resolve("inpaint")))) {
      says(pipeline, builder, "the noise is [1, 4, 8, 8], but 'sample'");
      builder.beside(Tensor.allocate(DType.FLOAT32, 1, 4, 8, 8));
      says(pipeline, builder, "with 4 channels beside it");
      builder.beside(Tensor.allocate(DType.FLOAT32, 3, 5, 8, 8));
      says(pipeline, builder, "expected 1 or 1 rows of 8 x 8");
      builder.beside(Tensor.allocate(DType.FLOAT32, 1, 5, 8, 8));
      assertEquals(4, pipeline.generate(builder.build(), (done, total) -> {}).latents().dim(1));
    }
  }

  private static void says(MorsePipeline pipeline, GenerateRequest.Builder request, String part) {
    String message =
        assertThrows(
                InvalidInputException.class,
                () -> pipeline.generate(request.build(), (done, total) -> {}))
            .getMessage();
    assertTrue(message.contains(part), message);
  }

  private static TextRequest request(
      String prompt, int height, int width, BufferedImage image, double s, BufferedImage mask) {
    return new TextRequest(ONE, List.of(prompt), null, height, width, image, s, mask);
  }

  private static void says(TextPipeline pipeline, TextRequest request, String... parts) {
    String message =
        assertThrows(
                InvalidInputException.class, () -> pipeline.generate(request, (done, total) -> {}))
            .getMessage();
    for (String part : parts) {
      assertTrue(message.contains(part), message);
    }
  }

  @Test
  void emptyAndEndlessPromptsDraw() {
    try (Engine engine = Runner.engine("cpu");
        TextPipeline pipeline = TextPipeline.open(engine, DiffusersFolder.open(folder))) {
      TextResult empty = pipeline.generate(request("", 16, 16, null, 1, null), (done, total) -> {});
      assertEquals(List.of(), empty.notes());
      TextResult endless =
          pipeline.generate(
              request("word ".repeat(10_000), 16, 16, null, 1, null), (done, total) -> {});
      assertEquals(1, endless.notes().size());
      assertTrue(endless.notes().getFirst().contains("tokens, which were left out"));
    }
  }
}
