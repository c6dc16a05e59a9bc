package io.github.morseengine.tests.sampling;

import static io.github.morseengine.tests.support.Faults.fails;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.error.ModelFormatException;
import io.github.morseengine.engine.morse.GenerateRequest;
import io.github.morseengine.engine.morse.ModelDirectory;
import io.github.morseengine.engine.morse.MorsePipeline;
import io.github.morseengine.engine.morse.Schedule;
import io.github.morseengine.engine.morse.TunedSchedules;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.tests.support.Compare;
import io.github.morseengine.tests.support.ModelBuilder;
import io.github.morseengine.tests.support.Runner;
import io.github.morseengine.tests.support.ToyMorse;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Guidance by classifiers and null labels: what fits, what does not; tuned schedules. */
class GuidanceTest {

  @TempDir Path folder;
  private Engine engine;

  @BeforeEach
  void open() {
    engine = Runner.engine("cpu");
    ToyMorse.write(folder);
  }

  @AfterEach
  void close() {
    assertEquals(0, engine.weightBytes());
    engine.close();
  }

  private static GenerateRequest.Builder request() {
    return GenerateRequest.builder().count(3).dash(2).dot(1).label("food").classifier(2);
  }

  private Tensor generate(GenerateRequest.Builder request) {
    try (MorsePipeline p = MorsePipeline.open(engine, ModelDirectory.open(folder))) {
      return p.generate(request.build(), (done, total) -> {}).latents();
    }
  }

  /** gradient = (x + label) / 2 by nodes that any backend has. */
  private static ModelBuilder classifier(String output, int channels) {
    ModelBuilder b =
        new ModelBuilder()
            .input("sample", DType.FLOAT32, -1, channels, 8, 8)
            .input("timestep", DType.FLOAT32, -1)
            .input("class_labels", DType.INT64, -1)
            .output(output, -1, channels, 8, 8)
            .floats("rows", new float[] {0.1f, 0.2f, 0}, 3, 1)
            .floats("half", new float[] {0.5f}, 1)
            .longs("axes", 2, 3);
    b.node("Gather", "g", "rows", "class_labels");
    b.node("Unsqueeze", "label", "g", "axes");
    b.node("Add", "sum", "sample", "label");
    b.node("Mul", output, "sum", "half");
    return b;
  }

  @Test
  void theGradientMovesTheSampleAndABatchChangesNothing() {
    classifier("gradient", 3).write(folder.resolve("classifier_grad.onnx"));
    Tensor guided = generate(request());
    Tensor without = generate(request().classifier(0));
    assertTrue(Compare.relativeRms(without, guided) > 0.05);
    assertTrue(Compare.relativeRms(guided, generate(request().batch(1))) < 1e-5);
    Tensor both = generate(request().guidance(3).rescale(0.5));
    assertTrue(Compare.relativeRms(guided, both) > 0.01);
  }

  @Test
  void aClassifierThatDoesNotFitIsSaid() {
    Path file = folder.resolve("classifier_grad.onnx");
    fails(InvalidInputException.class, () -> generate(request()), "classifier_grad.onnx");
    classifier("slope", 3).write(file);
    fails(ModelFormatException.class, () -> generate(request()), "gradient", "slope");
    classifier("gradient", 4).write(file);
    fails(ModelFormatException.class, () -> generate(request()), "does not fit");
    ToyMorse.text(file, "no model");
    fails(ModelFormatException.class, () -> generate(request()), "classifier_grad.onnx");
    classifier("gradient", 3).write(file);
    fails(InvalidInputException.class, () -> generate(request().label(null)), "needs a label");
    fails(InvalidInputException.class, () -> request().rescale(2).build(), "rescale");
    fails(
        InvalidInputException.class, () -> request().classifier(Double.NaN).build(), "classifier");
  }

  @Test
  void guidanceWithoutANullLabelIsSaid() {
    ToyMorse.text(folder.resolve("labels.txt"), "animals\nfood\nplaces\n");
    GenerateRequest.Builder guided = request().classifier(0).guidance(2);
    fails(InvalidInputException.class, () -> generate(guided), "null label 3", "labels.txt");
    ModelBuilder plain =
        new ModelBuilder()
            .input("sample", DType.FLOAT32, -1, 3, 8, 8)
            .input("timestep", DType.INT64, -1)
            .output("out_sample", -1, 3, 8, 8);
    plain.node("Relu", "out_sample", "sample");
    plain.write(folder.resolve("dash.onnx"));
    GenerateRequest.Builder unlabelled = GenerateRequest.builder().dot(0).guidance(2);
    fails(InvalidInputException.class, () -> generate(unlabelled), "guidance", "class_labels");
  }

  @Test
  void tunedSchedulesAreFoundByBudget() {
    ModelDirectory model = ModelDirectory.open(folder);
    assertTrue(TunedSchedules.read(model).isEmpty());
    Path file = folder.resolve(TunedSchedules.FILE);
    ToyMorse.text(
        file,
        """
        {"batch": 16, "samplers": {"ddim": [
          {"budget": 5, "lsd": 4.5, "schedule": "DKKDK"},
          {"budget": 10, "lsd": 9.75, "schedule": "DDKKDKDDK"}]}}
        """);
    TunedSchedules tuned = TunedSchedules.read(model).orElseThrow();
    assertEquals(16, tuned.batch());
    assertEquals(Schedule.parse("DKKDK"), tuned.find("ddim", 9).schedule());
    assertEquals(9.75, tuned.find("ddpm", 50).lsd());
    assertEquals("dpmpp:3", TunedSchedules.basis("dpmpp:3:sde"));
    fails(InvalidInputException.class, () -> tuned.find("ddim", 4), "4.5", "--lsd");
    fails(InvalidInputException.class, () -> tuned.find("sde:mean", 9), "--samplers ode");
    for (String text :
        new String[] {
          "{}",
          "{\"batch\": 1, \"samplers\": {\"ddim\": [{\"budget\": 5}]}}",
          "{\"batch\": 1, \"samplers\": {\"ddim\": "
              + "[{\"budget\": 5, \"lsd\": 1, \"schedule\": \"KD\"}]}}",
          "{\"batch\": 1, \"samplers\": 3}"
        }) {
      ToyMorse.text(file, text);
      fails(ModelFormatException.class, () -> TunedSchedules.read(model), TunedSchedules.FILE);
    }
  }
}
