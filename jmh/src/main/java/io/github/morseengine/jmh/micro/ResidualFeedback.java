package io.github.morseengine.jmh.micro;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.backend.SampleUpdate;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.jmh.Check;
import io.github.morseengine.jmh.Rates;
import java.util.Random;
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

/** The fused residual-feedback step: sample, estimate and residual in, next sample out. */
@State(Scope.Benchmark)
// Throughput, since JMH adds up the counters of Rates per second in this mode only.
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 4, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 8, time = 500, timeUnit = TimeUnit.MILLISECONDS)
// One fork: the spread lies in the machine, not in how the JVM compiled.
@Fork(
    value = 1,
    jvmArgsAppend = {
      "--enable-native-access=ALL-UNNAMED",
      "--sun-misc-unsafe-memory-access=allow",
      "-XX:+UseSerialGC"
    })
public class ResidualFeedback {

  private static final long CHANNELS = 3;
  private static final long SIDE = 32;
  private static final int STREAMS = 4;
  private static final double TOLERANCE = 1e-6;

  /** The estimate of x_0 is cut to [-1, 1], as the shipped model asks. */
  private static final SampleUpdate.Factors FACTORS =
      SampleUpdate.Factors.of(0.9, -0.4, 1, 0.5, 0.25, 0.25, 0);

  /** Pictures: those of one run, and as many as leave the caches. */
  @Param({"1", "16", "2048"})
  public long batch;

  private Engine engine;
  private SampleUpdate update;
  private SampleUpdate.Memory memory;
  private long elements;

  /** Created by JMH. */
  public ResidualFeedback() {}

  /** Fills the operands and compares with the reference backend. */
  @Setup
  public void prepare() {
    engine = Engine.builder().backend("cpu").build();
    update = engine.sampleUpdate();
    elements = batch * CHANNELS * SIDE * SIDE;
    Tensor[] t = new Tensor[STREAMS];
    Random random = new Random(3);
    for (int i = 0; i < STREAMS; i++) {
      t[i] = Tensor.allocate(DType.FLOAT32, elements);
      for (long j = 0; j < elements; j++) {
        t[i].setDouble(j, random.nextGaussian());
      }
    }
    Tensor out = t[STREAMS - 1];
    Tensor expected = Tensor.allocate(DType.FLOAT32, elements);
    memory = SampleUpdate.Memory.of(t[0].data(), t[1].data(), t[2].data(), null, out.data());
    Check.poison(out);
    update.apply(FACTORS, Double.NaN, memory, 0, elements);
    try (Engine reference = Engine.builder().backend("reference").build()) {
      SampleUpdate.Memory slow =
          SampleUpdate.Memory.of(t[0].data(), t[1].data(), t[2].data(), null, expected.data());
      reference.sampleUpdate().apply(FACTORS, Double.NaN, slow, 0, elements);
    }
    Check.near("update", out.toFloats(), expected.toFloats(), TOLERANCE);
  }

  /**
   * Advances the samples once.
   *
   * @param rates counts the traffic
   */
  @Benchmark
  public void run(Rates rates) {
    update.apply(FACTORS, Double.NaN, memory, 0, elements);
    rates.add(0, STREAMS * elements * Float.BYTES);
  }

  /** Frees the device. */
  @TearDown
  public void close() {
    engine.close();
  }
}
