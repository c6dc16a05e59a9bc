package io.github.morseengine.tests.verify;

import io.github.morseengine.engine.CompileOptions;
import io.github.morseengine.engine.CompiledModel;
import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.Session;
import io.github.morseengine.engine.backend.Executable.StepInfo;
import io.github.morseengine.engine.backend.Precision;
import io.github.morseengine.engine.morse.GenerateRequest;
import io.github.morseengine.engine.morse.GenerateResult;
import io.github.morseengine.engine.morse.ModelDirectory;
import io.github.morseengine.engine.morse.MorsePipeline;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.tests.support.GoldenInputs;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;

/**
 * Times of the shipped Dash and Dot and of generations. The floor of a network: its arithmetic at
 * the GPU's rate, or its weights once through the memory.
 */
final class StepTimes {

  private final Lines out;
  private final boolean quick;
  private final Peaks peaks;

  StepTimes(Lines out, boolean quick, Peaks peaks) {
    this.out = out;
    this.quick = quick;
    this.peaks = peaks;
  }

  void run() {
    Map<String, Tensor> all = ModelChecks.golden("b1");
    try (Engine engine = ModelChecks.engine(Precision.FP16)) {
      for (int batch : quick ? new int[] {1} : new int[] {1, 16}) {
        double dash = network(engine, "dash", GoldenInputs.dash(all), batch);
        double dot = network(engine, "dot", GoldenInputs.dot(all), batch);
        out.note(String.format(Locale.ROOT, "t_dash/t_dot at batch %d: %.2f", batch, dash / dot));
      }
      generation(engine);
    }
  }

  private double network(Engine engine, String name, Map<String, Tensor> one, int batch) {
    CompileOptions.Builder options = CompileOptions.builder();
    one.forEach((input, value) -> options.input(input, repeated(value, batch).shape()));
    try (CompiledModel model =
            engine.compile(ModelChecks.MODEL.resolve(name + ".onnx"), options.build());
        Session session = model.newSession()) {
      one.forEach((input, value) -> session.setInput(input, repeated(value, batch)));
      double[] micros = new double[quick ? 1 : 200];
      for (int i = -micros.length / 10; i < micros.length; i++) {
        long begin = System.nanoTime();
        session.run();
        if (i >= 0) {
          micros[i] = 1e-3 * (System.nanoTime() - begin);
        }
      }
      Arrays.sort(micros);
      double median = micros[micros.length / 2];
      double flops = model.steps().stream().mapToDouble(StepInfo::flops).sum();
      double bytes = model.weightBuffers().values().stream().mapToDouble(Long::doubleValue).sum();
      out.time(name + " step", "batch" + batch, median, flops, bytes, peaks);
      out.note(name + " at batch " + batch + ": " + model.steps().size() + " launches");
      return median;
    }
  }

  /** The same sample in each place of the batch. */
  private static Tensor repeated(Tensor one, int batch) {
    long[] shape = one.shape();
    shape[0] *= batch;
    Tensor all = Tensor.allocate(one.dtype(), shape);
    for (int i = 0; i < batch; i++) {
      all.data().asSlice(i * one.byteSize(), one.byteSize()).copyFrom(one.data());
    }
    return all;
  }

  private void generation(Engine engine) {
    int dash = quick ? 1 : 10;
    GenerateRequest request =
        GenerateRequest.builder().count(quick ? 1 : 16).dash(dash).dot(1).seed(1).build();
    try (MorsePipeline pipeline =
        MorsePipeline.open(engine, ModelDirectory.open(ModelChecks.MODEL))) {
      pipeline.generate(request, (done, total) -> {});
      GenerateResult r = pipeline.generate(request, (done, total) -> {});
      String shape = request.count() + "-pictures-" + dash + "+" + dash + "-steps";
      out.time("generation", shape, 1000 * r.wallMs(), 0, 0, peaks);
      double arithmetic = r.lsd() * r.dashMs();
      out.note(
          String.format(
              Locale.ROOT,
              "generation: Dash %.3f ms, Dot %.3f ms, LSD %.2f, wall clock %.3f of it, %.0f"
                  + " pictures/s",
              r.dashMs(),
              r.dotMs(),
              r.lsd(),
              r.wallMs() / arithmetic,
              r.imagesPerSecond()));
    }
  }
}
