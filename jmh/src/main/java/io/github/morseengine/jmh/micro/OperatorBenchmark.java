package io.github.morseengine.jmh.micro;

import io.github.morseengine.engine.CompileOptions;
import io.github.morseengine.engine.CompiledModel;
import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.Session;
import io.github.morseengine.engine.backend.Executable.StepInfo;
import io.github.morseengine.engine.graph.onnx.OnnxModel;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.jmh.Check;
import io.github.morseengine.jmh.Inputs;
import io.github.morseengine.jmh.OneOp;
import io.github.morseengine.jmh.Rates;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Compiles a graph of one operator, compares it with the reference backend and runs it. The plan
 * brings inputs into the layout of the backend and outputs out of it: those copies are timed, too,
 * and printed with the plan at the start.
 */
@State(Scope.Benchmark)
// Throughput, since JMH adds up the counters of Rates per second in this mode only.
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
// Kernels of oneDNN need no warm-up beyond the first run; our own in Java are compiled within one
// or two seconds.
@Warmup(iterations = 4, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 8, time = 500, timeUnit = TimeUnit.MILLISECONDS)
// One fork: layouts and kernels are chosen the same way in each, and the spread lies in the
// machine.
@Fork(
    value = 1,
    jvmArgsAppend = {
      "--enable-native-access=ALL-UNNAMED",
      "--sun-misc-unsafe-memory-access=allow",
      "-XX:+UseSerialGC"
    })
public abstract class OperatorBenchmark {

  /** fp32 sums in another order. */
  private static final double TOLERANCE = 2e-5;

  /** Pictures per run. */
  @Param({"1", "16"})
  public long batch;

  private Engine engine;
  private CompiledModel model;
  private Session session;
  private long flops;
  private long bytes;

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
    engine = Engine.builder().backend("cpu").build();
    try (OnnxModel opened = OnnxModel.open(file, null, "benchmark");
        Engine reference = Engine.builder().backend("reference").build();
        CompiledModel slow = reference.compile(opened, CompileOptions.builder().build());
        Session expected = slow.newSession()) {
      model = engine.compile(opened, CompileOptions.builder().build());
      session = model.newSession();
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
    for (StepInfo step : model.steps()) {
      flops += step.flops();
      bytes += step.bytes();
      System.out.println("# " + step.kind() + " by " + step.kernel());
    }
  }

  /**
   * Runs the plan once.
   *
   * @param rates counts the work
   */
  @Benchmark
  public void run(Rates rates) {
    session.run();
    rates.add(flops, bytes);
  }

  /** Frees the device. */
  @TearDown
  public void close() {
    session.close();
    model.close();
    engine.close();
  }
}
