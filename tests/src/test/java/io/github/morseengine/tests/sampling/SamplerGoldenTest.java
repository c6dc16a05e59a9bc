package io.github.morseengine.tests.sampling;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.morse.GenerateRequest;
import io.github.morseengine.engine.morse.GenerateResult;
import io.github.morseengine.engine.morse.ModelDirectory;
import io.github.morseengine.engine.morse.MorsePipeline;
import io.github.morseengine.engine.morse.SchedulerConfig;
import io.github.morseengine.engine.tensor.Npy;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.tests.support.Compare;
import io.github.morseengine.tests.support.Fixtures;
import io.github.morseengine.tests.support.Runner;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Properties;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** Whole runs of Dash and Dot against the schedulers of diffusers. */
class SamplerGoldenTest {

  /**
   * Of a whole run, relative: diffusers rounds each step to float32 (6e-8) and divides by
   * sqrt(alpha_bar), which is 0.006 at the first step of an epsilon model: 1e-5.
   */
  private static final double RELATIVE_RMS = 1e-5;

  @TempDir static Path folder;
  private static Engine cpu;
  private static Engine reference;

  @BeforeAll
  static void open() {
    Fixtures.unpack("samplers.zip", folder);
    cpu = Runner.engine("cpu");
    reference = Runner.engine("reference");
  }

  @AfterAll
  static void close() {
    cpu.close();
    reference.close();
  }

  private static ModelDirectory directory(Path scheduler) {
    return new ModelDirectory(
        folder,
        folder.resolve("dash.onnx"),
        Optional.of(folder.resolve("dot.onnx")),
        SchedulerConfig.read(scheduler),
        List.of("first", "second"));
  }

  @TestFactory
  Stream<DynamicTest> agreesWithDiffusers() {
    return Fixtures.list(folder.resolve("cases")).stream()
        .flatMap(
            dir ->
                Stream.of(cpu, reference)
                    .map(
                        engine ->
                            DynamicTest.dynamicTest(
                                dir.getFileName() + " on " + engine.backendName(),
                                () -> check(dir, engine))));
  }

  private static GenerateRequest.Builder request(Path dir) {
    Properties about = Fixtures.properties(dir.resolve("case.properties"));
    return GenerateRequest.builder()
        .count(2)
        .sampler(about.getProperty("sampler"))
        .eta(Double.parseDouble(about.getProperty("eta")))
        .dash(Integer.parseInt(about.getProperty("dash")))
        .dot(Integer.parseInt(about.getProperty("dot")))
        .label(about.getProperty("label"))
        .guidance(Double.parseDouble(about.getProperty("guidance")))
        .noise(Npy.read(folder.resolve("noise.npy")))
        .trajectory(true);
  }

  private static void check(Path dir, Engine engine) {
    GenerateRequest plain = request(dir).build();
    Tensor all = Npy.read(folder.resolve("step_noise.npy"));
    long[] shape = all.shape();
    shape[0] = plain.steps();
    GenerateRequest request =
        request(dir).stepNoise(new Tensor(all.dtype(), shape, all.data())).build();
    Tensor expected = Npy.read(dir.resolve("trajectory.npy"));
    ModelDirectory model = directory(dir.resolve("scheduler_config.json"));
    try (MorsePipeline pipeline = MorsePipeline.open(engine, model)) {
      GenerateResult result = pipeline.generate(request, (done, total) -> {});
      double error = Compare.relativeRms(expected, result.trajectory());
      assertTrue(error <= RELATIVE_RMS, "relative error " + error);
    }
  }

  @Test
  void everyCaseIsThere() {
    assertEquals(65, Fixtures.list(folder.resolve("cases")).size());
  }
}
