package io.github.morseengine.jmh.cuda;

import io.github.morseengine.engine.device.DiskCache;
import io.github.morseengine.engine.device.cuda.CudaDevice;
import io.github.morseengine.engine.device.cuda.CudaEvent;
import io.github.morseengine.engine.device.cuda.CudaStream;
import io.github.morseengine.engine.device.cuda.DeviceBuffer;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.jmh.Rates;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;
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
 * One library call or own kernel on a GPU: the result is verified first, element by element at
 * random places against double precision; then runs are timed by the GPU's own events, several
 * between two of them, so that the host's share does not count. The last line gives the median with
 * TFLOP/s, GB/s and the shares of what the GPU reaches in the same process ({@link Peaks}). On the
 * simulated device times mean nothing, and no share is printed.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
// A GPU's clock settles within a second; nothing is compiled but a few lines of Java.
@Warmup(iterations = 3, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 6, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Fork(
    value = 1,
    jvmArgsAppend = {
      "--enable-native-access=ALL-UNNAMED",
      "--sun-misc-unsafe-memory-access=allow",
      "-XX:+UseSerialGC"
    })
public abstract class GpuBenchmark {

  /** Runs between two events: they outweigh the events' half microsecond. */
  private static final int RUNS = 20;

  /** Elements that are computed again. */
  private static final int SAMPLES = 200;

  /** Element type; {@code float32} where the kernel has it. */
  @Param({"float16", "bfloat16"})
  public String type = "float16";

  /** The GPU. */
  protected CudaDevice device;

  private final SplittableRandom random = new SplittableRandom(1);
  private final List<DeviceBuffer> buffers = new ArrayList<>();
  private final Map<Tensor, Long> places = new IdentityHashMap<>();
  private final List<Tensor> results = new ArrayList<>();
  private final List<Double> micros = new ArrayList<>();
  private CudaStream stream;
  private CudaEvent start;
  private CudaEvent end;
  private int runs;
  private Peaks peaks;

  /** For the calls. */
  protected GpuBenchmark() {}

  /** Finds the plan, allocates and binds. */
  protected abstract void bind();

  /** Enqueues one run. */
  protected abstract void enqueue(CudaStream on);

  /** Compares one element of the result, at a place that the numbers pick, with its definition. */
  protected abstract void verify(SplittableRandom places);

  /** {@return arithmetic operations of a run} */
  protected abstract long flops();

  /** {@return bytes that a run must move} */
  protected abstract long bytes();

  /** Closes what was bound. */
  protected abstract void unbind();

  /** {@return what runs it} */
  protected abstract String kernel();

  /** Opens the GPU, verifies and measures its peak. */
  @Setup
  public void prepare() {
    device = CudaDevice.open(0);
    stream = device.newStream();
    start = device.newEvent();
    end = device.newEvent();
    boolean simulated = isSimulated();
    runs = simulated ? 1 : RUNS;
    peaks = simulated ? null : Peaks.measure(device, cache());
    bind();
    reset(stream);
    enqueue(stream);
    stream.synchronize();
    results.forEach(this::read);
    for (int i = 0; i < SAMPLES; i++) {
      verify(random);
    }
    System.out.println("# " + device.name() + ": " + kernel());
  }

  /** {@return whether times mean nothing} */
  protected final boolean isSimulated() {
    return device.name().startsWith("Simulated");
  }

  /** {@return the cache of measured choices, which the engine uses as well} */
  protected static DiskCache cache() {
    return DiskCache.ofUser("plans");
  }

  /** Enqueues what must precede the runs of one measurement, outside of the time. */
  protected void reset(CudaStream on) {}

  /** {@return launches on this device, of the element type} */
  final Launches newLaunches() {
    return new Launches(device, elements(), this::place);
  }

  /** {@return the element type} */
  protected final DType elements() {
    return switch (type) {
      case "float32" -> DType.FLOAT32;
      case "float16" -> DType.FLOAT16;
      case "bfloat16" -> DType.BFLOAT16;
      default -> throw new IllegalArgumentException("no kernel computes with " + type);
    };
  }

  /** {@return random numbers between -scale and scale} */
  protected final Tensor numbers(DType of, long count, double scale) {
    Tensor t = Tensor.allocate(of, count);
    for (long i = 0; i < count; i++) {
      t.setDouble(i, scale * (2 * random.nextDouble() - 1));
    }
    return t;
  }

  /** {@return the address of a tensor's copy on the device, made at the first call} */
  protected final long place(Tensor t) {
    return places.computeIfAbsent(
        t,
        tensor -> {
          long address = onDevice(tensor.byteSize());
          stream.copyToDevice(address, tensor.data(), tensor.byteSize());
          stream.synchronize();
          return address;
        });
  }

  /** {@return a tensor of NaNs on the device that is read back before results are verified} */
  protected final Tensor result(DType of, long count) {
    Tensor t = Tensor.allocate(of, count);
    places.put(t, onDevice(t.byteSize()));
    return result(t);
  }

  /** {@return a tensor that a run changes: it is read back before results are verified} */
  protected final Tensor result(Tensor t) {
    results.add(t);
    return t;
  }

  /** {@return the address of memory of NaNs on the device, freed at the end} */
  protected final long onDevice(long bytes) {
    DeviceBuffer b = device.allocate(bytes);
    buffers.add(b);
    stream.fill(b.address(), (byte) 0xff, bytes);
    return b.address();
  }

  private void read(Tensor target) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment copy = arena.allocate(target.byteSize());
      stream.copyToHost(copy, place(target), target.byteSize());
      stream.synchronize();
      target.data().copyFrom(copy);
    }
  }

  /** {@return half the distance from 1 to the next number of the element type} */
  protected final double unit() {
    return switch (elements()) {
      case FLOAT32 -> 0x1p-24;
      case FLOAT16 -> 0x1p-11;
      default -> 0x1p-8;
    };
  }

  /** Fails unless two numbers agree to the type's rounding and the rounding of float sums. */
  protected final void near(String what, double got, double expected, double size) {
    double tolerance = Math.abs(expected) * unit() * 1.01 + size * 0x1p-14 + 0x1p-20;
    if (!(Math.abs(got - expected) <= tolerance)) {
      throw new IllegalStateException(what + ": " + got + " instead of " + expected);
    }
  }

  /**
   * Runs and waits.
   *
   * @param rates counts the work
   */
  @Benchmark
  public void run(Rates rates) {
    micros.add(time());
    rates.add(runs * flops(), runs * bytes());
  }

  private double time() {
    reset(stream);
    stream.record(start);
    for (int i = 0; i < runs; i++) {
      enqueue(stream);
    }
    stream.record(end);
    stream.synchronize();
    return 1000.0 * end.millisSince(start) / runs;
  }

  /** Prints the rate and gives everything back. */
  @TearDown
  public void close() {
    if (!micros.isEmpty()) {
      Collections.sort(micros);
      double us = micros.get(micros.size() / 2);
      double tflops = flops() / us * 1e-6;
      String share = peaks == null ? "" : peaks.shares(flops(), bytes(), us);
      System.out.printf(
          Locale.ROOT,
          "# %.2f us, %.3f TFLOP/s, %.1f GB/s%s%n",
          us,
          tflops,
          bytes() / us * 1e-3,
          share);
    }
    unbind();
    buffers.forEach(DeviceBuffer::close);
    start.close();
    end.close();
    stream.close();
    device.close();
  }

  /** {@return whole numbers with an x between them} */
  protected static long[] parse(String shape) {
    String[] parts = shape.split("x");
    long[] out = new long[parts.length];
    for (int i = 0; i < out.length; i++) {
      out[i] = Long.parseLong(parts[i]);
    }
    return out;
  }
}
