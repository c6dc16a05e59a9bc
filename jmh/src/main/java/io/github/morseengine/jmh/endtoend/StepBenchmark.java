package io.github.morseengine.jmh.endtoend;

import io.github.morseengine.engine.CompileOptions;
import io.github.morseengine.engine.CompiledModel;
import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.Session;
import io.github.morseengine.engine.backend.Precision;
import io.github.morseengine.engine.graph.onnx.OnnxModel;
import io.github.morseengine.engine.ir.Dim;
import io.github.morseengine.engine.morse.ModelDirectory;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.jmh.Check;
import io.github.morseengine.jmh.Inputs;
import io.github.morseengine.jmh.SessionBenchmark;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.Warmup;

/**
 * One run of a network of a model directory, from inputs in host memory to outputs there. What it
 * must compute on the CPU, the tests module holds; on a GPU it is compared with the CPU in float32
 * first.
 */
// Three seconds let the JVM compile our own kernels to the end.
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 8, time = 1)
public abstract class StepBenchmark extends SessionBenchmark {

  /** Side of pictures that a model leaves open. */
  private static final long SIDE = 32;

  /** A network in half precision, as a share of its largest output. */
  private static final double TOLERANCE = 0.05;

  /** The model directory. */
  @Param("onnx-models/shipped/emoji32")
  public String directory = "onnx-models/shipped/emoji32";

  /** cpu or cuda. */
  @Param("cpu")
  public String backend = "cpu";

  /** What the backend computes with: AUTO, FP32, BF16, FP16. */
  @Param("AUTO")
  public Precision precision = Precision.AUTO;

  /** For the networks. */
  protected StepBenchmark() {}

  /**
   * Chooses the network.
   *
   * @param models the model directory
   * @return its file
   */
  protected abstract Path file(ModelDirectory models);

  /** Compiles, sets random inputs and verifies. */
  @Setup
  public void prepare() {
    try (OnnxModel onnx = OnnxModel.open(file(ModelDirectory.open(Path.of(directory))))) {
      Engine engine = Engine.builder().backend(backend).precision(precision).build();
      CompiledModel model = engine.compile(onnx, options(onnx));
      own(engine, model);
      Map<String, Tensor> inputs = Inputs.random(model);
      inputs.forEach(session::setInput);
      if (!backend.equals("cpu")) {
        verify(onnx, inputs, model.outputs().getFirst().name());
      }
    }
  }

  private CompileOptions options(OnnxModel onnx) {
    CompileOptions.Builder options = CompileOptions.builder();
    for (OnnxModel.Port port : onnx.inputs()) {
      List<Dim> dims = port.dims();
      long[] shape = new long[dims.size()];
      for (int i = 0; i < shape.length; i++) {
        Dim d = dims.get(i);
        shape[i] = d.isFixed() ? d.size() : i == 0 ? batch : SIDE;
      }
      options.input(port.name(), shape);
    }
    return options.build();
  }

  private void verify(OnnxModel onnx, Map<String, Tensor> inputs, String output) {
    try (Engine cpu = Engine.builder().backend("cpu").precision(Precision.FP32).build();
        CompiledModel model = cpu.compile(onnx, options(onnx));
        Session expected = model.newSession()) {
      inputs.forEach(expected::setInput);
      expected.run();
      Check.poison(session.output(output));
      session.run();
      double off =
          Check.near(
              getClass().getSimpleName(),
              session.output(output).toFloats(),
              expected.output(output).toFloats(),
              TOLERANCE);
      System.out.printf("# differs from the CPU by %.1e of the largest element%n", off);
    }
  }
}
