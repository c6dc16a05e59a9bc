package io.github.morseengine.tests.verify;

import io.github.morseengine.engine.CompiledModel;
import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.Session;
import io.github.morseengine.engine.backend.Precision;
import io.github.morseengine.engine.device.cuda.CudaDevice;
import io.github.morseengine.engine.morse.GenerateRequest;
import io.github.morseengine.engine.morse.ModelDirectory;
import io.github.morseengine.engine.morse.MorsePipeline;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.tests.kernels.KernelTimes;
import io.github.morseengine.tests.support.GoldenInputs;
import io.github.morseengine.tests.support.Runner;
import java.util.Map;

/** What jmh/nsight/profile.sh runs under a profiler: a network, a generation or a kernel. */
final class Workload {

  private final Lines out;
  private final boolean quick;

  Workload(Lines out, boolean quick) {
    this.out = out;
    this.quick = quick;
  }

  /** Runs dash, dot, generation, or the kernel of that name. */
  void run(String what) {
    switch (what) {
      case "dash" -> network(what, GoldenInputs.dash(ModelChecks.golden("b1")));
      case "dot" -> network(what, GoldenInputs.dot(ModelChecks.golden("b1")));
      case "generation" -> generation();
      default -> kernel(what);
    }
  }

  /** Operator by operator, not as a graph: so each kernel lies in its operator's range. */
  private void network(String name, Map<String, Tensor> in) {
    try (Engine engine = ModelChecks.engine(Precision.FP16);
        CompiledModel model =
            engine.compile(ModelChecks.MODEL.resolve(name + ".onnx"), Runner.options(in));
        Session session = model.newSession()) {
      in.forEach(session::setInput);
      long[] nanos = new long[model.steps().size()];
      for (int i = 0; i < (quick ? 1 : 10); i++) {
        session.runProfiled(nanos);
      }
      out.note(name + ": " + nanos.length + " launches");
    }
  }

  /** As users run it: one graph per step. */
  private void generation() {
    GenerateRequest request =
        GenerateRequest.builder().count(quick ? 1 : 16).dash(quick ? 1 : 10).dot(1).build();
    try (Engine engine = ModelChecks.engine(Precision.FP16);
        MorsePipeline pipeline =
            MorsePipeline.open(engine, ModelDirectory.open(ModelChecks.MODEL))) {
      out.note("generation: " + pipeline.generate(request, (done, total) -> {}).wallMs() + " ms");
    }
  }

  private void kernel(String name) {
    Peaks unknown = new Peaks(0, 0);
    int[] count = new int[1];
    try (CudaDevice device = CudaDevice.open(0)) {
      KernelTimes.run(
          device,
          quick,
          name,
          new KernelTimes.Listener() {
            @Override
            public void timed(KernelTimes.Time t) {
              count[0]++;
              out.time(t.kernel(), t.shape(), t.micros(), t.flops(), t.bytes(), unknown);
            }

            @Override
            public void failed(String kernel, RuntimeException why) {
              throw new IllegalStateException(kernel + ": " + why.getMessage(), why);
            }
          });
    }
    if (count[0] == 0) {
      throw new IllegalArgumentException("no kernel '" + name + "' is timed: see KernelTimes");
    }
  }
}
