package io.github.morseengine.tests.sampling;

import static io.github.morseengine.tests.support.Faults.fails;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.error.ModelFormatException;
import io.github.morseengine.engine.error.MorseException;
import io.github.morseengine.engine.morse.GenerateRequest;
import io.github.morseengine.engine.morse.GenerateResult;
import io.github.morseengine.engine.morse.ModelDirectory;
import io.github.morseengine.engine.morse.MorsePipeline;
import io.github.morseengine.engine.morse.Schedule;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.tests.support.Compare;
import io.github.morseengine.tests.support.ModelBuilder;
import io.github.morseengine.tests.support.Runner;
import io.github.morseengine.tests.support.ToyMorse;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The pipeline's promises: determinism, sharing, cancelling, and what it refuses. */
class PipelineTest {

  @TempDir Path folder;
  private Engine engine;
  private MorsePipeline pipeline;

  @BeforeEach
  void open() {
    engine = Runner.engine("cpu");
    pipeline = MorsePipeline.open(engine, ModelDirectory.open(ToyMorse.write(folder)));
  }

  @AfterEach
  void close() {
    pipeline.close();
    assertEquals(0, engine.weightBytes());
    engine.close();
  }

  private static GenerateRequest.Builder request() {
    return GenerateRequest.builder().count(5).dash(3).dot(1).seed(42);
  }

  private GenerateResult generate(GenerateRequest request) {
    return pipeline.generate(request, (done, total) -> {});
  }

  private static Tensor picture(Tensor latents, int index) {
    long bytes = latents.byteSize() / latents.dim(0);
    return new Tensor(
        DType.FLOAT32, new long[] {bytes / 4}, latents.data().asSlice(index * bytes, bytes));
  }

  private static Tensor initial(GenerateResult r) {
    Tensor t = r.trajectory();
    long[] shape = {t.dim(1), t.dim(2), t.dim(3), t.dim(4)};
    return new Tensor(DType.FLOAT32, shape, t.data());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "ddim",
        "ddpm",
        "dpmpp:3",
        "dpm",
        "sde",
        "sde:corrector",
        "ode:heun",
        "euler",
        "lcm"
      })
  void oneSeedGivesOnePicture(String sampler) {
    GenerateRequest request = request().sampler(sampler).trajectory(true).build();
    GenerateResult first = generate(request);
    Compare.identical(first.latents(), generate(request).latents(), "again");
    for (int batch : new int[] {1, 2, 3, 5, 16}) {
      GenerateResult other =
          generate(request().sampler(sampler).batch(batch).trajectory(true).build());
      Compare.identical(initial(first), initial(other), "noise at batch " + batch);
      double error = Compare.relativeRms(first.latents(), other.latents());
      assertTrue(error < 1e-5, "batch " + batch + ": relative error " + error);
    }
    Tensor fewer = generate(request().sampler(sampler).count(2).batch(1).build()).latents();
    Tensor more = generate(request().sampler(sampler).count(5).batch(1).build()).latents();
    Compare.identical(picture(fewer, 1), picture(more, 1), "picture 1 of more");
    Tensor seed = generate(request().sampler(sampler).seed(43).build()).latents();
    assertTrue(Compare.relativeRms(first.latents(), seed) > 0.1);
    assertTrue(Compare.relativeRms(picture(seed, 0), picture(seed, 1)) > 0.1);
  }

  @Test
  void threadsOnOnePipelineEqualOne() throws Exception {
    GenerateRequest request = request().build();
    Tensor expected = generate(request).latents();
    try (ExecutorService pool = Executors.newFixedThreadPool(16)) {
      List<Future<GenerateResult>> all = new ArrayList<>();
      for (int i = 0; i < 64; i++) {
        all.add(pool.submit(() -> generate(request)));
      }
      for (Future<GenerateResult> f : all) {
        Compare.identical(expected, f.get().latents(), "of another thread");
      }
    }
  }

  @Test
  void theReportCountsWhatHappened() {
    GenerateResult r = generate(request().dash(2).dot(3).build());
    assertEquals(2, r.dashSteps());
    assertEquals(6, r.dotSteps());
    assertEquals(8, r.steps().size());
    assertEquals(2 + 6 * r.dotMs() / r.dashMs(), r.lsd(), 1e-9);
    assertEquals(engine.weightBytes(), r.weightBytes().device());
    long trunk = 4L * 8 * 3 * 9;
    assertTrue(r.weightBytes().shared() >= trunk, r.weightBytes().toString());
    assertEquals(
        r.weightBytes().device(),
        r.weightBytes().dash() + r.weightBytes().dot() - r.weightBytes().shared());
  }

  @Test
  void progressRunsFromNothingToAll() {
    List<Integer> seen = new ArrayList<>();
    pipeline.generate(
        request().batch(2).build(),
        (done, total) -> {
          assertEquals(6 * 3, total);
          seen.add(done);
        });
    for (int i = 0; i < seen.size(); i++) {
      assertEquals(i, seen.get(i));
    }
    assertEquals(19, seen.size());
  }

  @Test
  void anInterruptStopsWithinOneStep() {
    int[] last = {0};
    GenerateRequest request = request().dash(50).dot(1).build();
    assertThrows(
        CancellationException.class,
        () ->
            pipeline.generate(
                request,
                (done, total) -> {
                  last[0] = done;
                  if (done == 7) {
                    Thread.currentThread().interrupt();
                  }
                }));
    assertTrue(last[0] <= 8, "went on to step " + last[0]);
    Thread.interrupted();
    generate(request().build());
  }

  @Test
  void aListenerThatThrowsStopsTheRun() {
    IllegalArgumentException mine = new IllegalArgumentException("mine");
    assertEquals(
        mine,
        assertThrows(
            IllegalArgumentException.class,
            () ->
                pipeline.generate(
                    request().build(),
                    (done, total) -> {
                      throw mine;
                    })));
    generate(request().build());
  }

  @Test
  void useAfterCloseSaysSo() {
    pipeline.close();
    pipeline.close();
    assertThrows(IllegalStateException.class, () -> generate(request().build()));
  }

  @Test
  void requestsOutOfRangeAreRefused() {
    fails(InvalidInputException.class, () -> request().count(0).build(), "count");
    fails(InvalidInputException.class, () -> request().batch(-1).build(), "batch");
    fails(InvalidInputException.class, () -> request().dash(0).build(), "dash");
    fails(InvalidInputException.class, () -> request().dot(-1).build(), "dot");
    fails(InvalidInputException.class, () -> request().eta(Double.NaN).build(), "eta");
    fails(InvalidInputException.class, () -> request().guidance(Double.NaN).build(), "guidance");
    refused("euphoria", request().sampler("euphoria"));
    refused("spaceship", request().label("spaceship"));
    refused("100", request().dash(60).dot(1));
    float[] bad = ModelBuilder.random(1, 5 * 192);
    Tensor small = Tensor.ofFloats(ModelBuilder.random(1, 5 * 48), 5, 3, 4, 4);
    refused("noise", request().noise(small));
    refused("noise", request().count(4).noise(Tensor.ofFloats(bad, 5, 3, 8, 8)));
    bad[77] = Float.NaN;
    fails(
        InvalidInputException.class,
        () -> request().noise(Tensor.ofFloats(bad, 5, 3, 8, 8)).build(),
        "noise",
        "77");
    Tensor twoSteps = Tensor.ofFloats(ModelBuilder.random(1, 10 * 192), 2, 5, 3, 8, 8);
    refused("step noise", request().sampler("ddpm").stepNoise(twoSteps));
  }

  private void refused(String word, GenerateRequest.Builder request) {
    GenerateRequest built = request.build();
    fails(InvalidInputException.class, () -> generate(built), word);
    generate(request().build());
  }

  @Test
  void notANumberInTheModelIsFoundWhereItAppears() {
    float[] w = new float[9];
    w[4] = Float.POSITIVE_INFINITY;
    ModelBuilder b =
        new ModelBuilder()
            .input("sample", DType.FLOAT32, -1, 3, 8, 8)
            .input("timestep", DType.INT64, -1)
            .output("out_sample", -1, 3, 8, 8)
            .floats("w", w, 3, 3, 1, 1);
    b.node("Conv", "out_sample", "sample", "w");
    Path other = folder.resolve("nan");
    b.write(other.resolve("dash.onnx"));
    ToyMorse.text(other.resolve("scheduler_config.json"), "{}");
    try (MorsePipeline p = MorsePipeline.open(engine, ModelDirectory.open(other))) {
      GenerateRequest checked = request().dot(0).checkFinite(true).build();
      fails(
          InvalidInputException.class,
          () -> p.generate(checked, (done, total) -> {}),
          "step 0",
          "Dash");
    }
  }

  @Test
  void dotThatDoesNotFitDashIsRefusedAtLoad() throws IOException {
    misfit(ToyMorse.dot("other_sample"), "other_sample");
    ModelBuilder channels =
        new ModelBuilder()
            .input("sample", DType.FLOAT32, -1, 4, 8, 8)
            .output("residual", -1, 4, 8, 8);
    channels.node("Relu", "residual", "sample");
    misfit(channels, "sample");
    ModelBuilder name = new ModelBuilder().input("sample", DType.FLOAT32, -1, 3, 8, 8);
    name.output("feedback", -1, 3, 8, 8).node("Relu", "feedback", "sample");
    misfit(name, "residual");
    Files.writeString(folder.resolve("dot.onnx"), "no model");
    fails(ModelFormatException.class, this::load, "dot.onnx");
  }

  @Test
  void whatDashLeftBeforeTheLatestStepIsCheckedAtLoad() {
    misfit(previous("previous_dash_sample", 3), "without 'dash_sample': it must take both");
    misfit(previous("previous_class_labels", 3), "nothing that Dash leaves behind");
    misfit(previous("previous_dash_output", 4), "'previous_dash_output' as [N, 4, 8, 8]");
  }

  /** A Dot that says how Dash's estimate changed between its latest steps. */
  private static ModelBuilder previous(String name, int channels) {
    ModelBuilder b =
        new ModelBuilder()
            .input("sample", DType.FLOAT32, -1, 3, 8, 8)
            .input("dash_output", DType.FLOAT32, -1, 3, 8, 8)
            .input(name, DType.FLOAT32, -1, channels, 8, 8)
            .output("residual", -1, 3, 8, 8);
    b.node("Sub", "residual", "dash_output", name);
    return b;
  }

  /** Dash's first step has none before it, in every run anew. */
  @ParameterizedTest
  @ValueSource(strings = {"cpu", "reference"})
  void theStepBeforeTheLatestOfDash(String backend) {
    ModelBuilder zero = new ModelBuilder().input("sample", DType.FLOAT32, -1, 3, 8, 8);
    zero.input("dash_output", DType.FLOAT32, -1, 3, 8, 8).output("residual", -1, 3, 8, 8);
    zero.node("Sub", "residual", "dash_output", "dash_output");
    zero.write(folder.resolve("dot.onnx"));
    Tensor held = trajectory(backend);
    previous("previous_dash_output", 3).write(folder.resolve("dot.onnx"));
    Tensor changed = trajectory(backend);
    for (int i = 0; i < 4; i++) {
      Compare.identical(picture(held, i), picture(changed, i), "sample " + i);
    }
    assertTrue(Compare.relativeRms(picture(held, 4), picture(changed, 4)) > 1e-3);
  }

  /** All samples of DKDKK, drawn a second time after another number of steps. */
  private Tensor trajectory(String backend) {
    try (Engine own = Runner.engine(backend);
        MorsePipeline p = MorsePipeline.open(own, ModelDirectory.open(folder))) {
      GenerateRequest request =
          GenerateRequest.builder()
              .count(2)
              .schedule(Schedule.parse("DKDKK"))
              .sampler("ddim")
              .trajectory(true)
              .build();
      Tensor first = p.generate(request, (a, b) -> {}).trajectory();
      p.generate(GenerateRequest.builder().count(2).dash(3).dot(1).build(), (a, b) -> {});
      Tensor again = p.generate(request, (a, b) -> {}).trajectory();
      Compare.identical(first, again, "the same request");
      return first;
    }
  }

  private void misfit(ModelBuilder dot, String word) {
    dot.write(folder.resolve("dot.onnx"));
    fails(ModelFormatException.class, this::load, "Dot does not fit Dash", word);
  }

  private void load() {
    MorsePipeline.open(engine, ModelDirectory.open(folder)).close();
  }

  @Test
  void foldersThatAreNoModelsAreRefused() throws IOException {
    fails(
        InvalidInputException.class, () -> ModelDirectory.open(folder.resolve("absent")), "absent");
    Path empty = Files.createDirectories(folder.resolve("empty"));
    fails(InvalidInputException.class, () -> ModelDirectory.open(empty), "dash.onnx");
    for (String text :
        List.of(
            "",
            "[]",
            "{",
            "{\"num_train_timesteps\": 0}",
            "{\"num_train_timesteps\": 1.5}",
            "{\"num_train_timesteps\": \"many\"}",
            "{\"beta_start\": true}",
            "{\"prediction_type\": \"score\"}",
            "{\"a\": " + "[".repeat(100_000) + "}")) {
      Files.writeString(folder.resolve("scheduler_config.json"), text);
      fails(ModelFormatException.class, () -> ModelDirectory.open(folder), "scheduler_config.json");
    }
    Files.delete(folder.resolve("scheduler_config.json"));
    fails(InvalidInputException.class, () -> ModelDirectory.open(folder), "scheduler_config.json");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"beta_schedule\": \"odd\"}",
        "{\"timestep_spacing\": \"odd\"}",
        "{\"beta_start\": 2, \"beta_end\": 3}"
      })
  void schedulesThatMakeNoSenseAreRefused(String text) throws IOException {
    Files.writeString(folder.resolve("scheduler_config.json"), text);
    MorseException e =
        assertThrows(
            MorseException.class,
            () -> {
              try (MorsePipeline p = MorsePipeline.open(engine, ModelDirectory.open(folder))) {
                p.generate(request().build(), (done, total) -> {});
              }
            });
    assertFalse(e.getMessage().isBlank());
  }
}
