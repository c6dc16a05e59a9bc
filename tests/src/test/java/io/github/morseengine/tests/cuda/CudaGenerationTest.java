package io.github.morseengine.tests.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.backend.Precision;
import io.github.morseengine.engine.morse.FreshNoise;
import io.github.morseengine.engine.morse.GenerateRequest;
import io.github.morseengine.engine.morse.GenerateResult;
import io.github.morseengine.engine.morse.ModelDirectory;
import io.github.morseengine.engine.morse.MorsePipeline;
import io.github.morseengine.engine.morse.ProgressListener;
import io.github.morseengine.engine.morse.Schedule;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.tests.support.Compare;
import io.github.morseengine.tests.support.Fixtures;
import io.github.morseengine.tests.support.ModelBuilder;
import io.github.morseengine.tests.support.ToyMorse;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Generations that the device goes through by itself, against the CPU's step by step. */
class CudaGenerationTest {

  /**
   * Two convolutions and the update per step in float32; noise agrees to a unit in the last place.
   * A step that is left out, or noise of another step, shows at 1e-1.
   */
  private static final double FULL = 5e-6;

  @TempDir static Path folder;
  private static Engine cpu;
  private static Engine cuda;
  private static MorsePipeline onCpu;
  private static MorsePipeline onCuda;

  @BeforeAll
  static void open() {
    Path model = ToyMorse.write(folder);
    cpu = Engine.builder().backend("cpu").threads(2).precision(Precision.FP32).build();
    cuda = CudaEngines.withLibraries(Precision.FP32);
    onCpu = MorsePipeline.open(cpu, ModelDirectory.open(model));
    onCuda = MorsePipeline.open(cuda, ModelDirectory.open(model));
  }

  @AfterAll
  static void nothingIsLeft() {
    onCpu.close();
    onCuda.close();
    assertEquals(0, cuda.deviceBytes(), "device bytes");
    cpu.close();
    cuda.close();
  }

  private static GenerateRequest.Builder request() {
    return GenerateRequest.builder().count(3).seed(11).dash(3).dot(2).trajectory(true);
  }

  @TestFactory
  Stream<DynamicTest> agreesWithTheCpu() {
    return Stream.of(
        test("ddim", request()),
        test("ddim with noise", request().eta(1)),
        test("ddpm", request().sampler("ddpm")),
        test(
            "ddpm with noise before Dot",
            request().sampler("ddpm").freshNoise(FreshNoise.EVERY_STEP)),
        test("multistep of order 2", request().sampler("dpmpp:2")),
        test("multistep of order 3", request().sampler("dpmpp:3")),
        test("scaled input", request().sampler("euler")),
        test("thresholds go through the host", request().dot(1).sampler("sde:corrector")),
        test("dash only", request().dot(0)),
        test("guided", request().label("0").guidance(3)),
        test("guided with noise, two batches", request().label("1").guidance(2).eta(1).batch(2)),
        test("three batches", request().batch(1)),
        test("checked", request().checkFinite(true)),
        test("given noise", request().noise(noise(1, 3, 3, 8, 8)).eta(1)),
        test(
            "given noise of every step",
            request().sampler("ddpm").stepNoise(noise(2, 9, 3, 3, 8, 8))));
  }

  private static Tensor noise(long seed, long... shape) {
    int n = 1;
    for (long d : shape) {
      n = (int) (n * d);
    }
    return Tensor.ofFloats(ModelBuilder.random(seed, n), shape);
  }

  private static DynamicTest test(String name, GenerateRequest.Builder builder) {
    return DynamicTest.dynamicTest(
        name,
        () -> {
          GenerateRequest request = builder.build();
          GenerateResult want = onCpu.generate(request, (done, total) -> {});
          List<Integer> progress = new ArrayList<>();
          GenerateResult got = onCuda.generate(request, (done, total) -> progress.add(done));
          double error = Compare.relativeRms(want.trajectory(), got.trajectory());
          assertTrue(error <= FULL, "trajectory: relative error " + error);
          error = Compare.relativeRms(want.latents(), got.latents());
          assertTrue(error <= FULL, "latents: relative error " + error);
          for (int i = 0; i < progress.size(); i++) {
            assertEquals(i, progress.get(i), "progress step by step");
          }
          GenerateResult again = onCuda.generate(request, (done, total) -> {});
          Compare.identical(got.latents(), again.latents(), "the same request again");
        });
  }

  @ParameterizedTest
  @ValueSource(strings = {"emoji32", "letters64"})
  void shippedModelsDrawInHalfPrecision(String name) {
    Path model = Fixtures.shipped(name);
    GenerateRequest request =
        GenerateRequest.builder().count(1).seed(3).dash(2).dot(1).label("0").build();
    Tensor want;
    try (MorsePipeline pipeline = MorsePipeline.open(cpu, ModelDirectory.open(model))) {
      want = Compare.copy(pipeline.generate(request, (done, total) -> {}).latents());
    }
    try (Engine engine = CudaEngines.ownKernels(Precision.AUTO);
        MorsePipeline pipeline = MorsePipeline.open(engine, ModelDirectory.open(model))) {
      assertEquals(Precision.FP16, engine.precision());
      GenerateResult result = pipeline.generate(request, (done, total) -> {});
      // Four steps, each with the error of one network; see CudaModelTest.
      double error = Compare.relativeRms(want, result.latents());
      assertTrue(error <= 1.6e-2, "relative error " + error);
      assertEquals(engine.weightBytes(), result.weightBytes().device());
      assertTrue(result.dashMs() > 0 && result.dotMs() > 0);
    }
  }

  /**
   * What depends on Dash's steps alone is computed at the first step of Dot behind each, and read
   * by the others; at Dash's first step there is none before it.
   */
  @Test
  void whatDependsOnDashAloneStaysBehindIt(@TempDir Path other) {
    ToyMorse.write(other);
    ModelBuilder dot = new ModelBuilder().output("residual", -1, 3, 8, 8);
    for (String input : List.of("sample", "dash_output", "previous_dash_output")) {
      dot.input(input, DType.FLOAT32, -1, 3, 8, 8);
    }
    dot.floats("w", ModelBuilder.random(5, 9), 3, 3, 1, 1);
    dot.node("Sub", "change", "dash_output", "previous_dash_output");
    dot.node("Conv", "mixed", "change", "w");
    dot.node("Sigmoid", "gate", "mixed");
    dot.node("Mul", "gated", "sample", "gate");
    dot.node("Conv", "residual", "gated", "w");
    dot.write(other.resolve("dot.onnx"));
    try (MorsePipeline wanted = MorsePipeline.open(cpu, ModelDirectory.open(other));
        MorsePipeline tried = MorsePipeline.open(cuda, ModelDirectory.open(other))) {
      for (String schedule : List.of("DKDKKKDDKK", "DKK", "DDDK", "DKDKKKDDKK")) {
        GenerateRequest request = request().schedule(Schedule.parse(schedule)).build();
        Tensor want = Compare.copy(wanted.generate(request, (done, total) -> {}).trajectory());
        Tensor got = tried.generate(request, (done, total) -> {}).trajectory();
        double error = Compare.relativeRms(want, got);
        assertTrue(error <= FULL, schedule + ": relative error " + error);
      }
    }
  }

  @Test
  void estimatesTakeTheHostAlong() {
    GenerateRequest request = request().label("0").guidance(3).build();
    List<Tensor> estimates = new ArrayList<>();
    ProgressListener listener =
        new ProgressListener() {
          @Override
          public void step(int done, int total) {
            assertEquals(done, estimates.size());
          }

          @Override
          public boolean wantsEstimates() {
            return true;
          }

          @Override
          public void estimate(int done, int total, Tensor estimate) {
            estimates.add(Compare.copy(estimate));
          }
        };
    Tensor want = Compare.copy(onCuda.generate(request, (done, total) -> {}).latents());
    Tensor got = onCuda.generate(request, listener).latents();
    assertEquals(request.steps(), estimates.size());
    double error = Compare.relativeRms(want, got);
    assertTrue(error <= FULL, "relative error " + error);
  }

  @Test
  void anInterruptEndsWithinTwoSteps() {
    GenerateRequest request = GenerateRequest.builder().count(1).dash(50).dot(1).build();
    List<Integer> seen = new ArrayList<>();
    assertThrows(
        CancellationException.class,
        () ->
            onCuda.generate(
                request,
                (done, total) -> {
                  seen.add(done);
                  if (done == 5) {
                    Thread.currentThread().interrupt();
                  }
                }));
    assertTrue(seen.getLast() <= 7, "went on to " + seen.getLast());
    assertTrue(onCuda.generate(request, (done, total) -> {}).wallMs() > 0);
  }

  @Test
  void infinityNamesItsStep() {
    Tensor start = Tensor.allocate(DType.FLOAT32, 1, 3, 8, 8);
    MemorySegment.copy(new float[] {3e38f, -3e38f}, 0, start.data(), ValueLayout.JAVA_FLOAT, 0, 2);
    GenerateRequest request =
        GenerateRequest.builder().count(1).dash(2).dot(1).noise(start).checkFinite(true).build();
    RuntimeException e =
        assertThrows(RuntimeException.class, () -> onCuda.generate(request, (done, total) -> {}));
    assertTrue(e.getMessage().matches("step [01] .*the sample holds NaN.*"), e.getMessage());
  }
}
