package io.github.morseengine.tests.golden;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.morse.GenerateRequest;
import io.github.morseengine.engine.morse.GenerateResult;
import io.github.morseengine.engine.morse.ModelDirectory;
import io.github.morseengine.engine.morse.MorsePipeline;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.tests.support.Compare;
import io.github.morseengine.tests.support.Fixtures;
import io.github.morseengine.tests.support.GoldenInputs;
import io.github.morseengine.tests.support.Runner;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Each shipped Dash and Dot against PyTorch with the same weights. */
class ShippedModelTest {

  private static Map<String, Tensor> golden(String model, String folder) {
    return Fixtures.arrays(Fixtures.golden(model).resolve(folder));
  }

  /** As for other U-Nets, see {@link UnetGoldenTest}. */
  private static final double RELATIVE_RMS = 1e-5;

  /**
   * Six steps feed each error into the next model call; the network and the sampler's division by
   * sqrt(alpha_bar) early on raise it, by less than this.
   */
  private static final double TRAJECTORY_RMS = 1e-4;

  @ParameterizedTest
  @CsvSource({
    "emoji32, cpu, b1",
    "emoji32, cpu, b3",
    "emoji32, reference, b1",
    "letters64, cpu, b1",
    "letters64, cpu, b3",
    "letters64, reference, b1"
  })
  void dashAndDotAgreeWithPytorch(String model, String backend, String batch) {
    Map<String, Tensor> all = golden(model, batch);
    try (Engine engine = Runner.engine(backend)) {
      Map<String, Tensor> out =
          Runner.run(engine, Fixtures.shipped(model).resolve("dash.onnx"), GoldenInputs.dash(all));
      close(all, out, "out_sample");
      close(all, out, "dash_features");
      close(
          all,
          Runner.run(engine, Fixtures.shipped(model).resolve("dot.onnx"), GoldenInputs.dot(all)),
          "residual");
    }
  }

  private static void close(Map<String, Tensor> all, Map<String, Tensor> out, String name) {
    double error = Compare.relativeRms(all.get(name), out.get(name));
    assertTrue(error <= RELATIVE_RMS, name + ": relative error " + error);
  }

  @ParameterizedTest
  @CsvSource({"emoji32, unguided", "emoji32, guided", "letters64, unguided", "letters64, guided"})
  void theWholeRunAgreesWithPytorch(String model, String run) {
    Map<String, Tensor> golden = golden(model, "trajectory");
    Tensor noise = golden.get("noise");
    GenerateRequest.Builder request =
        GenerateRequest.builder()
            .count((int) noise.dim(0))
            .dash(3)
            .dot(1)
            .noise(noise)
            .trajectory(true);
    if (run.equals("guided")) {
      request.label("0").guidance(2);
    }
    try (Engine engine = Runner.engine("cpu");
        MorsePipeline pipeline =
            MorsePipeline.open(engine, ModelDirectory.open(Fixtures.shipped(model)))) {
      GenerateResult result = pipeline.generate(request.build(), (done, total) -> {});
      double error = Compare.relativeRms(golden.get(run), result.trajectory());
      assertTrue(error <= TRAJECTORY_RMS, "relative error " + error);
    }
  }

  @ParameterizedTest
  @CsvSource({"emoji32, 0.08", "letters64, 0.12"})
  void dotSharesDashsWeights(String model, double ownShare) {
    GenerateRequest request = GenerateRequest.builder().count(1).dash(1).dot(1).build();
    try (Engine engine = Runner.engine("cpu");
        MorsePipeline pipeline =
            MorsePipeline.open(engine, ModelDirectory.open(Fixtures.shipped(model)))) {
      var bytes = pipeline.generate(request, (done, total) -> {}).weightBytes();
      assertEquals(engine.weightBytes(), bytes.device());
      assertEquals(bytes.dash() + bytes.dot() - bytes.shared(), bytes.device());
      long own = bytes.dot() - bytes.shared();
      assertTrue(own < ownShare * bytes.dash() && bytes.shared() > 2 * own, bytes.toString());
    }
  }
}
