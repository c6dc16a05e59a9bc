package io.github.morseengine.jmh;

import io.github.morseengine.engine.CompiledModel;
import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.Session;
import io.github.morseengine.engine.backend.Executable.StepInfo;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** One run of a compiled model, whatever it holds. */
@State(Scope.Benchmark)
// Throughput, since JMH adds up the counters of Rates per second in this mode only.
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
// One fork: layouts and kernels are chosen the same way in each, and the spread lies in the
// machine.
@Fork(
    value = 1,
    jvmArgsAppend = {
      "--enable-native-access=ALL-UNNAMED",
      "--sun-misc-unsafe-memory-access=allow",
      "-XX:+UseSerialGC"
    })
public abstract class SessionBenchmark {

  /** Pictures per run. */
  @Param({"1", "16"})
  public long batch;

  /** The session that runs, with its inputs set. */
  protected Session session;

  private Engine engine;
  private CompiledModel model;
  private long flops;
  private long bytes;

  /** For the models. */
  protected SessionBenchmark() {}

  /**
   * Takes over what is closed at the end.
   *
   * @param on the engine
   * @param compiled the model
   */
  protected final void own(Engine on, CompiledModel compiled) {
    engine = on;
    model = compiled;
    session = compiled.newSession();
    for (StepInfo step : compiled.steps()) {
      flops += step.flops();
      bytes += step.bytes();
    }
  }

  /**
   * Runs the model once.
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
