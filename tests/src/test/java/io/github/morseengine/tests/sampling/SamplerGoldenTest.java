package io.github.morseengine.tests.sampling;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.morse.FreshNoise;
import io.github.morseengine.engine.morse.GenerateRequest;
import io.github.morseengine.engine.morse.Labels;
import io.github.morseengine.engine.morse.ModelDirectory;
import io.github.morseengine.engine.morse.MorsePipeline;
import io.github.morseengine.engine.morse.Schedule;
import io.github.morseengine.engine.morse.SchedulerConfig;
import io.github.morseengine.engine.morse.json.Json;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Npy;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.tests.support.Compare;
import io.github.morseengine.tests.support.Fixtures;
import io.github.morseengine.tests.support.Runner;
import io.github.morseengine.tests.support.ToyMorse;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** Whole runs of Dash and Dot against the schedulers of diffusers, step by step. */
class SamplerGoldenTest {

  /**
   * Of a whole run, relative: diffusers rounds each step to float32 (6e-8) and divides by
   * sqrt(alpha_bar), which is 0.006 at the first step of an epsilon model: 1e-5.
   */
  private static final double RELATIVE_RMS = 1e-5;

  /**
   * Of the largest sample so far: Euler's samples shrink from 20,000 to 4 in one step, which
   * diffusers computes as a difference of large numbers, each rounded by 6e-8.
   */
  private static final double ROUNDING = 1.2e-7;

  @TempDir static Path folder;
  private static Engine cpu;
  private static Engine reference;
  private static Tensor noise;
  private static Tensor stepNoise;
  private static Tensor trajectories;

  @BeforeAll
  static void open() {
    Fixtures.unpack("samplers.zip", folder);
    noise = Npy.read(folder.resolve("noise.npy"));
    stepNoise = Npy.read(folder.resolve("step_noise.npy"));
    trajectories = Npy.read(folder.resolve("trajectories.npy"));
    cpu = Runner.engine("cpu");
    reference = Runner.engine("reference");
  }

  @AfterAll
  static void close() {
    cpu.close();
    reference.close();
  }

  private static ModelDirectory directory(String name, Map<?, ?> about) {
    Path scheduler = folder.resolve(name + ".json");
    ToyMorse.text(scheduler, json(about.get("scheduler_config")));
    return new ModelDirectory(
        folder,
        folder.resolve("dash.onnx"),
        Optional.of(folder.resolve("dot.onnx")),
        SchedulerConfig.read(scheduler),
        Labels.of(List.of("first", "second")));
  }

  private static String json(Object value) {
    return switch (value) {
      case Map<?, ?> map ->
          map.entrySet().stream()
              .map(e -> json(e.getKey()) + ": " + json(e.getValue()))
              .collect(Collectors.joining(", ", "{", "}"));
      case String text -> '"' + text + '"';
      default -> value.toString();
    };
  }

  private static Map<String, Object> cases() {
    return Json.object(ToyMorse.read(folder.resolve("cases.json")), "cases.json");
  }

  @TestFactory
  Stream<DynamicTest> agreesWithDiffusers() {
    return cases().entrySet().stream()
        .flatMap(
            e ->
                Stream.of(cpu, reference)
                    .map(
                        engine ->
                            DynamicTest.dynamicTest(
                                e.getKey() + " on " + engine.backendName(),
                                () -> check(e.getKey(), (Map<?, ?>) e.getValue(), engine))));
  }

  private static GenerateRequest request(Map<?, ?> about) {
    Schedule schedule = Schedule.parse((String) about.get("schedule"));
    long[] shape = stepNoise.shape();
    shape[0] = schedule.count();
    return GenerateRequest.builder()
        .count(2)
        .sampler((String) about.get("sampler"))
        .eta((double) about.get("eta"))
        .schedule(schedule)
        .label((String) about.get("label"))
        .guidance((double) about.get("guidance"))
        .rescale((double) about.get("rescale"))
        .classifier((double) about.get("classifier"))
        .noise(noise)
        .stepNoise(new Tensor(stepNoise.dtype(), shape, stepNoise.data()))
        .freshNoise(
            about.get("fresh_noise").equals("dash") ? FreshNoise.DASH_STEPS : FreshNoise.EVERY_STEP)
        .trajectory(true)
        .build();
  }

  private static void check(String name, Map<?, ?> about, Engine engine) {
    GenerateRequest request = request(about);
    long sample = noise.elements();
    long at = ((Double) about.get("at")).longValue();
    try (MorsePipeline pipeline = MorsePipeline.open(engine, directory(name, about))) {
      Tensor actual = pipeline.generate(request, (done, total) -> {}).trajectory();
      double largest = 0;
      for (int i = 0; i <= request.steps(); i++) {
        Tensor expected = slice(trajectories, at + i * sample, sample);
        largest = Math.max(largest, rms(expected));
        double bound = RELATIVE_RMS + ROUNDING * largest / rms(expected);
        double error = Compare.relativeRms(expected, slice(actual, i * sample, sample));
        assertTrue(error <= bound, name + ", sample " + i + ": relative error " + error);
      }
    }
  }

  private static double rms(Tensor t) {
    double sum = 0;
    for (long i = 0; i < t.elements(); i++) {
      sum += t.getDouble(i) * t.getDouble(i);
    }
    return Math.sqrt(sum / t.elements());
  }

  private static Tensor slice(Tensor t, long from, long count) {
    return new Tensor(DType.FLOAT32, new long[] {count}, t.data().asSlice(4 * from, 4 * count));
  }

  @Test
  void everyCaseIsThere() {
    assertEquals(477, cases().size());
    assertEquals(
        trajectories.elements(),
        cases().values().stream()
            .mapToLong(c -> (request((Map<?, ?>) c).steps() + 1L) * noise.elements())
            .sum());
  }
}
