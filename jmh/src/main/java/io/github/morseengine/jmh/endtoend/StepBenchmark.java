package io.github.morseengine.jmh.endtoend;

import io.github.morseengine.engine.CompileOptions;
import io.github.morseengine.engine.CompiledModel;
import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.Session;
import io.github.morseengine.engine.backend.Executable.StepInfo;
import io.github.morseengine.engine.graph.onnx.OnnxModel;
import io.github.morseengine.engine.ir.Dim;
import io.github.morseengine.engine.morse.ModelDirectory;
import io.github.morseengine.jmh.Inputs;
import io.github.morseengine.jmh.Rates;
import java.nio.file.Path;
import java.util.List;
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

/** One run of a network of a model directory; what it must compute, the tests module holds. */
@State(Scope.Benchmark)
// Throughput, since JMH adds up the counters of Rates per second in this mode only.
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
// Three seconds let the JVM compile our own kernels to the end.
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 8, time = 1)
// One fork: the spread lies in the machine, not in how the JVM compiled.
@Fork(
    value = 1,
    jvmArgsAppend = {
      "--enable-native-access=ALL-UNNAMED",
      "--sun-misc-unsafe-memory-access=allow",
      "-XX:+UseSerialGC"
    })
public abstract class StepBenchmark {

  /** Side of pictures that a model leaves open. */
  private static final long SIDE = 32;

  /** The model directory. */
  @Param("onnx-models/shipped/emoji32")
  public String directory;

  /** Pictures per run. */
  @Param({"1", "16"})
  public long batch;

  private Engine engine;
  private CompiledModel model;
  private Session session;
  private long flops;
  private long bytes;

  /** For the networks. */
  protected StepBenchmark() {}

  /**
   * Chooses the network.
   *
   * @param models the model directory
   * @return its file
   */
  protected abstract Path file(ModelDirectory models);

  /** Compiles and sets random inputs. */
  @Setup
  public void prepare() {
    engine = Engine.builder().backend("cpu").build();
    try (OnnxModel onnx = OnnxModel.open(file(ModelDirectory.open(Path.of(directory))))) {
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
      model = engine.compile(onnx, options.build());
    }
    session = model.newSession();
    Inputs.random(model).forEach(session::setInput);
    for (StepInfo step : model.steps()) {
      flops += step.flops();
      bytes += step.bytes();
    }
  }

  /**
   * Runs the network once.
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
