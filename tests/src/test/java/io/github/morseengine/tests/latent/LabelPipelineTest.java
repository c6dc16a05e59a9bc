package io.github.morseengine.tests.latent;

import static io.github.morseengine.tests.support.Faults.fails;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.backend.Precision;
import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.error.ModelFormatException;
import io.github.morseengine.engine.morse.GenerateRequest;
import io.github.morseengine.engine.morse.ModelDirectory;
import io.github.morseengine.engine.morse.latent.DiffusersFolder;
import io.github.morseengine.engine.morse.latent.LabelPipeline;
import io.github.morseengine.engine.morse.latent.TextPipeline;
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

/**
 * DiT from its folder against the pictures that diffusers' DiTPipeline draws; its labels; folders
 * and requests that do not fit.
 */
class LabelPipelineTest {

  @TempDir static Path shared;
  @TempDir Path own;
  private Path folder;

  static Stream<Path> goldens() {
    Fixtures.unpack("transformers.zip", shared);
    return PipelineGoldens.of(shared, "dit", "dit_dynamo", "dit_morse");
  }

  @BeforeEach
  void unpack() {
    folder = Fixtures.unpack("transformers.zip", own).resolve("dit");
  }

  @ParameterizedTest
  @MethodSource("goldens")
  void picturesAreThoseOfDiffusers(Path golden) {
    try (Engine engine = Engine.builder().precision(Precision.FP32).build()) {
      PipelineGoldens.checkLabels(engine, golden);
    }
  }

  private static GenerateRequest.Builder request(String... labels) {
    return GenerateRequest.builder().count(1).dash(2).dot(0).seed(3).labels(List.of(labels));
  }

  private Tensor draw(GenerateRequest.Builder request) {
    try (Engine engine = Runner.engine("cpu");
        LabelPipeline p = LabelPipeline.open(engine, DiffusersFolder.open(folder))) {
      return Compare.copy(p.generate(request.build(), (done, total) -> {}).sampling().latents());
    }
  }

  @Test
  void everyNameOfALabelFindsIt() {
    ModelDirectory models = ModelDirectory.open(folder);
    assertEquals(3, models.label("tiger shark"));
    assertEquals(3, models.label(" galeocerdo Cuvieri "));
    assertEquals(3, models.label("tiger shark, Galeocerdo cuvieri"));
    assertEquals(207, models.label("Golden Retriever"));
    assertEquals(12, models.label("12"));
    assertEquals(1000, models.label(null));
    assertEquals(1000, models.labels().size());
    Compare.identical(draw(request("golden retriever")), draw(request("207")), "by name");
  }

  /** As in ImageNet: a dog and a garment, and two cranes, of which diffusers finds the last. */
  @Test
  void namesThatSeveralLabelsShareAreToldApart() throws IOException {
    String labels =
        """
        {"_class_name": "DiTPipeline", "id2label": {"264": "Cardigan, Cardigan Welsh corgi",
         "474": "cardigan", "134": "crane", "517": "crane"}}""";
    Files.writeString(folder.resolve("model_index.json"), labels);
    ModelDirectory models = ModelDirectory.open(folder);
    assertEquals(264, models.label("Cardigan"));
    assertEquals(474, models.label("cardigan"));
    assertEquals(517, models.label("crane"));
    assertEquals(134, models.label("Crane (134)"));
    for (int i = 0; i < 1000; i++) {
      assertEquals(i, models.label(models.labels().get(i)), "label " + i);
    }
  }

  @Test
  void labelsAndGuidanceMatter() {
    Tensor dog = draw(request("207").guidance(2));
    assertTrue(dog.data().mismatch(draw(request("3").guidance(2)).data()) >= 0, "label");
    assertTrue(dog.data().mismatch(draw(request("207").guidance(4)).data()) >= 0, "guidance");
    // Without a label there is nothing to guide to.
    Compare.identical(draw(request()), draw(request().guidance(4)), "no label");
  }

  @Test
  void unknownLabelsAreNamed() throws IOException {
    fails(
        InvalidInputException.class,
        () -> draw(request("shark fin")),
        "unknown label 'shark fin'",
        "0 to 999");
    fails(InvalidInputException.class, () -> draw(request("retriever")), "'golden retriever'");
    fails(InvalidInputException.class, () -> draw(request("1001")), "unknown label '1001'");
    Path index = folder.resolve("model_index.json");
    String text = Files.readString(index);
    Files.writeString(index, text.replace("\"3\"", "\"1000\""));
    fails(
        ModelFormatException.class,
        () -> draw(request()),
        "model_index.json",
        "id2label has 1000",
        "0 to 999");
    Files.writeString(index, "{\"_class_name\": \"DiTPipeline\", \"id2label\": [1]}");
    fails(ModelFormatException.class, () -> draw(request()), "id2label", "not names by number");
  }

  @Test
  void guidanceNeedsTheNullLabel() throws IOException {
    Path config = folder.resolve("transformer/config.json");
    String text = Files.readString(config);
    Files.writeString(
        config, text.replace("\"num_embeds_ada_norm\": 1000", "\"num_embeds_ada_norm\": 1001"));
    draw(request("207").guidance(1));
    fails(
        InvalidInputException.class,
        () -> draw(request("207").guidance(2)),
        "null label 1001",
        "cannot be guided");
  }

  @Test
  void partsThatAreMissingAreNamed() throws IOException {
    Files.delete(folder.resolve("vae_decoder/model.onnx"));
    fails(
        InvalidInputException.class,
        () -> draw(request()),
        "vae_decoder/model.onnx",
        "morse_models export --from");
    Files.delete(folder.resolve("transformer/model.onnx"));
    fails(
        InvalidInputException.class,
        () -> draw(request()),
        "neither dash.onnx nor unet/model.onnx nor transformer/model.onnx");
    Files.writeString(folder.resolve("transformer/diffusion_pytorch_model.safetensors"), "x");
    fails(
        InvalidInputException.class,
        () -> draw(request()),
        "diffusion_pytorch_model.safetensors",
        "morse_models export --from");
  }

  @Test
  void aVarianceThatWasLearnedIsNotUsed() throws IOException {
    Path scheduler = folder.resolve("scheduler/scheduler_config.json");
    String text = Files.readString(scheduler);
    Files.writeString(
        scheduler, text.replaceFirst("\\{", "{\"variance_type\": \"learned_range\", "));
    draw(request().sampler("ddim"));
    fails(
        ModelFormatException.class,
        () -> draw(request().sampler("ddpm")),
        "variance_type 'learned_range'",
        "use fixed_small");
    Files.writeString(scheduler, text.replace("\"epsilon\"", "\"flow\""));
    fails(ModelFormatException.class, () -> draw(request()), "prediction_type", "flow");
  }

  @Test
  void sizesAreThoseOfTheModel() {
    fails(
        InvalidInputException.class,
        () -> draw(request().noise(Tensor.ofFloats(new float[4 * 64], 1, 4, 8, 8))),
        "[1, 4, 8, 8]",
        "[");
  }

  @Test
  void pipelinesSayWhatTheyRead() {
    try (Engine engine = Runner.engine("cpu")) {
      DiffusersFolder dit = DiffusersFolder.open(folder);
      fails(
          InvalidInputException.class,
          () -> TextPipeline.open(engine, dit),
          "reads no text but labels");
    }
  }
}
