package io.github.morseengine.tests.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.CompiledModel;
import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.Session;
import io.github.morseengine.engine.backend.Precision;
import io.github.morseengine.engine.graph.onnx.OnnxModel;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.tests.support.Compare;
import io.github.morseengine.tests.support.Fixtures;
import io.github.morseengine.tests.support.GoldenInputs;
import io.github.morseengine.tests.support.Runner;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** Whole networks on the CUDA backend: U-Nets of diffusers, and the shipped Dash and Dot. */
class CudaModelTest {

  private static final String EMOJI = "emoji32";

  private static final Path SHIPPED = Fixtures.shipped(EMOJI);

  /** As on the CPU: some 60 layers of float32. */
  private static final double FULL = 1e-5;

  /**
   * Some 60 layers, each with about two roundings of a third of 2^-11 (root mean square), which add
   * up by their root: 60 * 2 roundings give 0.33 * 2^-11 * sqrt(120), about 1.8e-3, and
   * normalisation keeps the scale between them; twice that for the layers at the end, whose errors
   * nothing averages. For bfloat16 the unit is eight times as large.
   */
  private static final double HALF = 4e-3;

  private static final double BFLOAT = 8 * HALF;

  @TempDir static Path folder;

  private static Map<String, Tensor> golden(String model) {
    return Fixtures.arrays(Fixtures.golden(model).resolve("b1"));
  }

  @BeforeAll
  static void unpack() {
    Fixtures.unpack("unets.zip", folder);
  }

  /** Half precision by our own kernels, the others by NVIDIA's libraries too. */
  private static Engine engine(Precision precision) {
    return precision == Precision.FP16
        ? CudaEngines.ownKernels(precision)
        : CudaEngines.withLibraries(precision);
  }

  private static double bound(Precision p) {
    return p == Precision.FP32 ? FULL : p == Precision.BF16 ? BFLOAT : HALF;
  }

  @TestFactory
  Stream<DynamicTest> unetsAgreeWithPytorch() {
    List<DynamicTest> tests = new ArrayList<>();
    for (Precision p : List.of(Precision.FP32, Precision.FP16, Precision.BF16)) {
      for (Path kind : Fixtures.list(folder)) {
        String exporter = p == Precision.FP32 ? "torchscript-17" : "dynamo-20";
        tests.add(unet(p, kind, exporter, "1x16x16"));
      }
    }
    // An odd size and a second sample; the others take long on the simulated device.
    tests.add(unet(Precision.FP16, folder.resolve("ddpm"), "dynamo-23", "2x24x40"));
    return tests.stream();
  }

  private static DynamicTest unet(Precision p, Path kind, String exporter, String sample) {
    String name = kind.getFileName() + " " + exporter + " " + sample + " " + p.label();
    return DynamicTest.dynamicTest(
        name,
        () -> {
          Map<String, Tensor> in = Fixtures.arrays(kind.resolve(sample).resolve("in"));
          Tensor want = Fixtures.arrays(kind.resolve(sample).resolve("out")).get("out_sample");
          try (Engine engine = engine(p)) {
            Path file = kind.resolve(exporter + ".onnx");
            Tensor got = Runner.run(engine, file, in).get("out_sample");
            double error = Compare.relativeRms(want, got);
            assertTrue(error <= bound(p), "relative error " + error);
            assertEquals(0, engine.deviceBytes(), "device bytes");
          }
        });
  }

  @TestFactory
  Stream<DynamicTest> dashAndDotAgreeWithPytorch() {
    return Stream.of(EMOJI, "letters64")
        .flatMap(
            model ->
                Stream.of(Precision.FP32, Precision.FP16)
                    .map(
                        p ->
                            DynamicTest.dynamicTest(
                                model + " " + p.label(), () -> agrees(model, p))));
  }

  private static void agrees(String model, Precision p) {
    Map<String, Tensor> all = golden(model);
    try (Engine engine = engine(p)) {
      Path dash = Fixtures.shipped(model).resolve("dash.onnx");
      Map<String, Tensor> out = Runner.run(engine, dash, GoldenInputs.dash(all));
      close(all, out, "out_sample", p);
      close(all, out, "dash_features", p);
      Path dot = Fixtures.shipped(model).resolve("dot.onnx");
      close(all, Runner.run(engine, dot, GoldenInputs.dot(all)), "residual", p);
    }
  }

  private static void close(
      Map<String, Tensor> all, Map<String, Tensor> out, String name, Precision p) {
    double error = Compare.relativeRms(all.get(name), out.get(name));
    assertTrue(error <= bound(p), name + ": relative error " + error);
  }

  /** Dash and Dot hold what both use once: the device has their own weights and nothing more. */
  @Test
  void weightsAreHeldOnceToTheByte() {
    Map<String, Tensor> all = golden(EMOJI);
    try (Engine engine = engine(Precision.FP16)) {
      CompiledModel dash =
          engine.compile(SHIPPED.resolve("dash.onnx"), Runner.options(GoldenInputs.dash(all)));
      long alone = engine.deviceBytes();
      assertEquals(sum(dash.weightBuffers()), alone);
      CompiledModel dot =
          engine.compile(SHIPPED.resolve("dot.onnx"), Runner.options(GoldenInputs.dot(all)));
      Map<Long, Long> both = new TreeMap<>(dash.weightBuffers());
      both.putAll(dot.weightBuffers());
      assertEquals(sum(both), engine.deviceBytes());
      assertEquals(sum(both), engine.weightBytes());
      assertTrue(sum(both) < 1.2 * alone, "Dot shares Dash's weights");
      dash.close();
      assertEquals(sum(dot.weightBuffers()), engine.deviceBytes());
      dot.close();
      assertEquals(0, engine.deviceBytes());
    }
  }

  private static long sum(Map<Long, Long> buffers) {
    return buffers.values().stream().mapToLong(Long::longValue).sum();
  }

  /** Launches per run against the operators that the files hold. */
  @Test
  void launchesAreFewerThanOperators() {
    Map<String, Tensor> all = golden(EMOJI);
    Path kind = folder.resolve("stable_diffusion");
    try (Engine engine = engine(Precision.FP16)) {
      Map<String, Tensor> in = Fixtures.arrays(kind.resolve("1x16x16/in"));
      atMost(engine, kind.resolve("dynamo-20.onnx"), in, 0.60);
      atMost(engine, SHIPPED.resolve("dash.onnx"), GoldenInputs.dash(all), 0.60);
      atMost(engine, SHIPPED.resolve("dot.onnx"), GoldenInputs.dot(all), 0.40);
    }
  }

  private static void atMost(Engine engine, Path file, Map<String, Tensor> in, double share) {
    int operators;
    try (OnnxModel model = OnnxModel.open(file)) {
      operators = model.operators().values().stream().mapToInt(Integer::intValue).sum();
    }
    try (CompiledModel model = engine.compile(file, Runner.options(in))) {
      int launches = model.steps().size();
      assertTrue(launches <= share * operators, file + ": " + launches + " for " + operators);
      assertTrue(
          model.steps().stream().noneMatch(s -> s.kernel().startsWith("host")), file + ": host");
    }
  }

  /** The plan says what runs each convolution, and without cuDNN why it is not cuDNN. */
  @Test
  void reportsSayWhatRunsAConvolution() {
    Map<String, Tensor> in = GoldenInputs.dash(golden(EMOJI));
    try (Engine own = CudaEngines.ownKernels(Precision.FP16);
        Engine libraries = CudaEngines.withLibraries(Precision.FP16)) {
      List<String> kernels = convolutions(own, in);
      for (String kernel : kernels) {
        assertTrue(kernel.startsWith("conv_") && kernel.contains("(not cuDNN: "), kernel);
      }
      assertTrue(kernels.stream().anyMatch(k -> k.contains("morse.cuda.cudnn")), "the reason");
      List<String> chosen = convolutions(libraries, in);
      assertTrue(chosen.stream().anyMatch(k -> k.startsWith("cuDNN eng")), chosen.toString());
    }
  }

  private static List<String> convolutions(Engine engine, Map<String, Tensor> in) {
    try (CompiledModel model = engine.compile(SHIPPED.resolve("dash.onnx"), Runner.options(in))) {
      return model.steps().stream()
          .filter(s -> s.kind().startsWith("Conv"))
          .map(s -> s.kernel())
          .toList();
    }
  }

  /** Measured step by step the result is the captured graph's, and each step takes time. */
  @Test
  void measuredRunsComputeTheSame() {
    Map<String, Tensor> all = golden(EMOJI);
    Map<String, Tensor> in = GoldenInputs.dash(all);
    try (Engine engine = engine(Precision.FP16);
        CompiledModel model = engine.compile(SHIPPED.resolve("dash.onnx"), Runner.options(in));
        Session session = model.newSession()) {
      in.forEach(session::setInput);
      session.run();
      Tensor captured = Compare.copy(session.output("out_sample"));
      long[] nanos = new long[model.steps().size()];
      session.runProfiled(nanos);
      Compare.identical(captured, session.output("out_sample"), "out_sample");
      for (long n : nanos) {
        assertTrue(n >= 0, "a step of " + n + " ns");
      }
    }
  }
}
