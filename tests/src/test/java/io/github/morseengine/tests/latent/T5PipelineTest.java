package io.github.morseengine.tests.latent;

import static io.github.morseengine.tests.support.Faults.fails;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.backend.Precision;
import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.morse.GenerateRequest;
import io.github.morseengine.engine.morse.ProgressListener;
import io.github.morseengine.engine.morse.latent.DiffusersFolder;
import io.github.morseengine.engine.morse.latent.TextPipeline;
import io.github.morseengine.engine.morse.latent.TextRequest;
import io.github.morseengine.engine.morse.latent.TextResult;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.onnx.Onnx.GraphProto;
import io.github.morseengine.onnx.Onnx.ModelProto;
import io.github.morseengine.onnx.Onnx.NodeProto;
import io.github.morseengine.onnx.Onnx.TensorProto;
import io.github.morseengine.onnx.Onnx.ValueInfoProto;
import io.github.morseengine.tests.support.Compare;
import io.github.morseengine.tests.support.Fixtures;
import io.github.morseengine.tests.support.ModelBuilder;
import io.github.morseengine.tests.support.Runner;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Stable Diffusion 3 with all three text encoders against the pictures that diffusers'
 * StableDiffusion3Pipeline draws; T5 left out, and folders in which it does not fit.
 */
class T5PipelineTest {

  @TempDir static Path shared;
  @TempDir Path own;
  private Path folder;

  static Stream<Path> goldens() {
    Fixtures.unpack("t5.zip", shared);
    return PipelineGoldens.of(shared, "sd3_t5", "sd3_t5_morse");
  }

  @BeforeEach
  void unpack() {
    folder = Fixtures.unpack("t5.zip", own).resolve("sd3_t5");
  }

  @ParameterizedTest
  @MethodSource("goldens")
  void picturesAreThoseOfDiffusers(Path golden) throws IOException {
    try (Engine engine = Engine.builder().precision(Precision.FP32).build()) {
      PipelineGoldens.check(engine, golden);
    }
  }

  private TextResult draw(String prompt, boolean t5) {
    GenerateRequest sampling =
        GenerateRequest.builder().count(1).sampler("euler").dash(2).dot(0).seed(3).build();
    TextRequest request = new TextRequest(sampling, List.of(prompt), null, 16, 16, null, 1, null);
    DiffusersFolder model = DiffusersFolder.open(folder);
    try (Engine engine = Runner.engine("cpu");
        TextPipeline p = TextPipeline.open(engine, t5 ? model : model.withoutT5())) {
      return p.generate(request, (done, total) -> {});
    }
  }

  /** Largest difference of two runs' latents. */
  private static double between(TextResult a, TextResult b) {
    Tensor left = a.sampling().latents();
    Tensor right = b.sampling().latents();
    double worst = 0;
    for (long i = 0; i < left.elements(); i++) {
      worst = Math.max(worst, Math.abs(left.getDouble(i) - right.getDouble(i)));
    }
    return worst;
  }

  @Test
  void withoutT5ItsStatesAreZeros() throws IOException {
    TextResult with = draw("a cat", true);
    TextResult without = draw("a cat", false);
    assertTrue(between(with, without) > 1e-3, "T5 changes nothing");
    Files.delete(folder.resolve("text_encoder_3/model.onnx"));
    assertEquals(0, between(without, draw("a cat", true)), "a folder that has none");
  }

  /** Multiplies the states by a mask that the graph asks for, as some exports' encoders do. */
  private static void askForMask(Path file) throws IOException {
    ModelProto.Builder model = ModelProto.parseFrom(Files.readAllBytes(file)).toBuilder();
    GraphProto.Builder graph = model.getGraphBuilder();
    String states = "last_hidden_state";
    for (NodeProto.Builder n : graph.getNodeBuilderList()) {
      if (n.getOutput(0).equals(states)) {
        n.setOutput(0, "unmasked");
      }
    }
    ValueInfoProto.Builder mask = graph.getInput(0).toBuilder().setName("attention_mask");
    graph.addInput(mask);
    graph.addInitializer(
        TensorProto.newBuilder().setName("last").setDataType(7).addDims(1).addInt64Data(-1));
    NodeProto.Builder cast = graph.addNodeBuilder();
    ModelBuilder.fill(cast, "Cast", "kept", "attention_mask");
    cast.addAttribute(ModelBuilder.integer("to", 1));
    ModelBuilder.fill(graph.addNodeBuilder(), "Unsqueeze", "column", "kept", "last");
    ModelBuilder.fill(graph.addNodeBuilder(), "Mul", states, "unmasked", "column");
    Files.write(file, model.build().toByteArray());
  }

  @Test
  void anEncoderThatAsksForAMaskSeesAll() throws IOException {
    TextResult plain = draw("a cat", true);
    askForMask(folder.resolve("text_encoder_3/model.onnx"));
    assertEquals(0, between(plain, draw("a cat", true)));
  }

  @Test
  void encodersMayBeFreedBeforeDashRuns() {
    GenerateRequest sampling =
        GenerateRequest.builder().count(1).sampler("euler").dash(1).dot(0).seed(3).build();
    TextRequest request = new TextRequest(sampling, List.of("a"), null, 16, 16, null, 1, null);
    long[] held = new long[2];
    for (boolean keep : new boolean[] {true, false}) {
      try (Engine engine = Runner.engine("cpu");
          TextPipeline p = TextPipeline.open(engine, DiffusersFolder.open(folder), keep)) {
        ProgressListener listener = (done, total) -> held[keep ? 1 : 0] = engine.weightBytes();
        Tensor first = p.generate(request, listener).pictures();
        Compare.identical(first, p.generate(request, listener).pictures(), "the second call");
      }
    }
    // T5's embedding and its two layers.
    assertTrue(
        held[1] - held[0] > 4 * (98 * 56 + 2 * (4 * 56 * 32 + 3 * 56 * 64)),
        held[0] + " " + held[1]);
  }

  @Test
  void whatClipLeavesOutT5MayRead() {
    String text = "cat ".repeat(30);
    List<String> notes = draw(text, true).notes();
    assertEquals(1, notes.size());
    assertTrue(
        notes.getFirst().contains("tokens for CLIP, which T5 alone reads"), notes.getFirst());
    String same = text.substring(0, 4 * 25);
    assertTrue(
        between(draw(text, true), draw(same, true)) > 1e-4, "nobody reads beyond CLIP's tokens");
    notes = draw("cat ".repeat(300), true).notes();
    assertTrue(notes.getFirst().contains("tokens, which were left out"), notes.getFirst());
    notes = draw(text, false).notes();
    assertTrue(notes.getFirst().contains("tokens, which were left out"), notes.getFirst());
  }

  @Test
  void whatDoesNotFitIsNamed() throws IOException {
    Path tokenizer = folder.resolve("tokenizer_3/tokenizer.json");
    Path kept = own.resolve("tokenizer.json");
    Files.move(tokenizer, kept);
    fails(
        InvalidInputException.class,
        () -> draw("a", true),
        "tokenizer_3' holds no tokenizer.json",
        "copy it");
    // A tokenizer of more tokens than the encoder knows.
    Files.writeString(
        tokenizer, Files.readString(kept).replaceFirst("\"id\": ?2,", "\"id\": 4000,"));
    fails(InvalidInputException.class, () -> draw("<unk>", true), "belongs to another model");
    Files.delete(folder.resolve("tokenizer_3/tokenizer_config.json"));
    Files.delete(tokenizer);
    Files.delete(folder.resolve("tokenizer_3"));
    fails(InvalidInputException.class, () -> draw("a", true), "holds no tokenizer_3/");
    Files.createDirectory(folder.resolve("tokenizer_3"));
    Files.move(kept, tokenizer);
    // CLIP in T5's place.
    Files.copy(
        folder.resolve("text_encoder/model.onnx"),
        folder.resolve("text_encoder_3/model.onnx"),
        StandardCopyOption.REPLACE_EXISTING);
    fails(
        InvalidInputException.class,
        () -> draw("a", true),
        "text_encoder_3/model.onnx",
        "[1, 256]");
  }
}
