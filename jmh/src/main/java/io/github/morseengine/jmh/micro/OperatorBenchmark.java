package io.github.morseengine.jmh.micro;

import io.github.morseengine.engine.CompileOptions;
import io.github.morseengine.engine.CompiledModel;
import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.Session;
import io.github.morseengine.engine.graph.onnx.OnnxModel;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.jmh.Check;
import io.github.morseengine.jmh.Inputs;
import io.github.morseengine.jmh.OneOp;
import io.github.morseengine.jmh.SessionBenchmark;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Compiles a graph of one operator, compares it with the reference backend and runs it. The plan
 * brings inputs into the layout of the backend and outputs out of it: those copies are timed, too,
 * and printed with the plan at the start.
 */
// Kernels of oneDNN need no warm-up beyond the first run; our own in Java are compiled within one
// or two seconds.
@Warmup(iterations = 4, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 8, time = 500, timeUnit = TimeUnit.MILLISECONDS)
public abstract class OperatorBenchmark extends SessionBenchmark {

  /** fp32 sums in another order. */
  private static final double TOLERANCE = 2e-5;

  /** For the operators. */
  protected OperatorBenchmark() {}

  /**
   * Builds the graph.
   *
   * @param shape the parameter of the benchmark: whole numbers with an x between them
   * @return a graph with the output {@code y}
   */
  protected abstract OneOp graph(long[] shape);

  /** {@return the parameter that {@link #graph} gets} */
  protected abstract String shape();

  /** Compiles, verifies and prints the plan. */
  @Setup
  public void prepare() {
    String[] parts = shape().split("x");
    long[] numbers = new long[parts.length];
    for (int i = 0; i < parts.length; i++) {
      numbers[i] = Long.parseLong(parts[i]);
    }
    byte[] file = graph(numbers).toBytes();
    Engine engine = Engine.builder().backend("cpu").build();
    try (OnnxModel opened = OnnxModel.open(file, null, "benchmark");
        Engine reference = Engine.builder().backend("reference").build();
        CompiledModel slow = reference.compile(opened, CompileOptions.builder().build());
        Session expected = slow.newSession()) {
      CompiledModel model = engine.compile(opened, CompileOptions.builder().build());
      own(engine, model);
      model.steps().forEach(s -> System.out.println("# " + s.kind() + " by " + s.kernel()));
      Map<String, Tensor> inputs = Inputs.random(model);
      inputs.forEach(session::setInput);
      inputs.forEach(expected::setInput);
      Check.poison(session.output("y"));
      session.run();
      expected.run();
      Check.near(
          getClass().getSimpleName(),
          session.output("y").toFloats(),
          expected.output("y").toFloats(),
          TOLERANCE);
    }
  }
}
