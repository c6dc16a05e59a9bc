package io.github.morseengine.tests.verify;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.backend.Precision;
import io.github.morseengine.engine.morse.GenerateRequest;
import io.github.morseengine.engine.morse.GenerateResult;
import io.github.morseengine.engine.morse.ModelDirectory;
import io.github.morseengine.engine.morse.MorsePipeline;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.tests.support.Fixtures;
import io.github.morseengine.tests.support.GoldenInputs;
import io.github.morseengine.tests.support.Runner;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * The shipped Dash, Dot and their Morse run against what PyTorch computed with the same weights, on
 * the GPU. The bounds of one network are those of the tests on the simulated device
 * (CudaModelTest); those of a run of six steps are six of them in half precision, and the CPU's in
 * full.
 */
final class ModelChecks {

  static final Path MODEL = Fixtures.shipped("emoji32");
  private static final Path GOLDEN = Fixtures.golden("emoji32");

  private final Lines out;
  private final boolean quick;

  ModelChecks(Lines out, boolean quick) {
    this.out = out;
    this.quick = quick;
  }

  static Engine engine(Precision precision) {
    return Engine.builder().backend("cuda").precision(precision).build();
  }

  void run() {
    List<Precision> all =
        quick ? List.of(Precision.FP16) : List.of(Precision.FP32, Precision.FP16, Precision.BF16);
    for (Precision p : all) {
      try (Engine engine = engine(p)) {
        for (String batch : quick ? List.of("b1") : List.of("b1", "b3")) {
          networks(engine, p, batch);
        }
        trajectory(engine, p, "unguided");
        if (!quick) {
          trajectory(engine, p, "guided");
        }
        out.check(engine.deviceBytes() == 0, "models leave no device memory " + p.label(), "");
      }
    }
  }

  private static double bound(Precision p) {
    return p == Precision.FP32 ? 1e-5 : p == Precision.FP16 ? 4e-3 : 3.2e-2;
  }

  static Map<String, Tensor> golden(String batch) {
    return Fixtures.arrays(GOLDEN.resolve(batch));
  }

  private void networks(Engine engine, Precision p, String batch) {
    Map<String, Tensor> all = golden(batch);
    String suffix = " " + p.label() + " " + batch;
    Map<String, Tensor> dash =
        Runner.run(engine, MODEL.resolve("dash.onnx"), GoldenInputs.dash(all));
    for (String name : List.of("out_sample", "dash_features")) {
      out.bound("Dash " + name + suffix, error(all.get(name), dash.get(name)), bound(p));
    }
    Map<String, Tensor> dot = Runner.run(engine, MODEL.resolve("dot.onnx"), GoldenInputs.dot(all));
    out.bound("Dot residual" + suffix, error(all.get("residual"), dot.get("residual")), bound(p));
  }

  private void trajectory(Engine engine, Precision p, String run) {
    Map<String, Tensor> all = golden("trajectory");
    Tensor noise = all.get("noise");
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
    try (MorsePipeline pipeline = MorsePipeline.open(engine, ModelDirectory.open(MODEL))) {
      GenerateResult result = pipeline.generate(request.build(), (done, total) -> {});
      double bound = p == Precision.FP32 ? 1e-4 : 6 * bound(p);
      String name = "Morse trajectory " + run + " " + p.label();
      out.bound(name, error(all.get(run), result.trajectory()), bound);
    }
  }

  /** Root mean square of the difference over that of what is expected. */
  private static double error(Tensor expected, Tensor actual) {
    if (actual == null || actual.elements() != expected.elements()) {
      return Double.NaN;
    }
    double difference = 0;
    double norm = 0;
    for (long i = 0; i < expected.elements(); i++) {
      double d = expected.getDouble(i) - actual.getDouble(i);
      difference += d * d;
      norm += expected.getDouble(i) * expected.getDouble(i);
    }
    return Math.sqrt(difference / norm);
  }
}
