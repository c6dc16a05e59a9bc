package io.github.morseengine.jmh.cuda;

import io.github.morseengine.engine.device.cuda.CudaDevice;
import io.github.morseengine.engine.device.cuda.CudaEvent;
import io.github.morseengine.engine.device.cuda.CudaGraph;
import io.github.morseengine.engine.device.cuda.CudaModule;
import io.github.morseengine.engine.device.cuda.CudaStream;
import io.github.morseengine.engine.device.cuda.DeviceBuffer;
import io.github.morseengine.engine.device.cuda.KernelArguments;
import io.github.morseengine.engine.device.cuda.KernelLaunch;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Host time of what a run gives the GPU: the downcalls, their checks and the driver, without the
 * work itself, which is waited for between measurements. {@code -prof gc} shows that nothing is
 * allocated. On the simulated device the driver's part is that of the simulation.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 8, time = 500, timeUnit = TimeUnit.MILLISECONDS)
// One fork: the spread lies in the machine, not in how the JVM compiled.
@Fork(
    value = 1,
    jvmArgsAppend = {"--enable-native-access=ALL-UNNAMED", "-XX:+UseSerialGC"})
public class LaunchOverhead {

  /** Calls per measurement: enough to outweigh the clock, too few to fill a driver's queue. */
  private static final int CALLS = 64;

  /** Counts how often it ran. */
  private static final String SOURCE =
      "extern \"C\" __global__ void count(int* n) { if (threadIdx.x == 0) n[0] += 1; }\n";

  /** Kernels of the graph: few, and as many as a step of a large model has. */
  @Param({"1", "100", "400"})
  public int kernels;

  private final Arena arena = Arena.ofShared();
  private CudaDevice device;
  private CudaStream stream;
  private CudaEvent event;
  private DeviceBuffer counter;
  private KernelLaunch launch;
  private CudaGraph graph;

  /** Created by JMH. */
  public LaunchOverhead() {}

  /** Captures the graph and checks that one launch of it runs every kernel. */
  @Setup
  public void prepare() {
    device = CudaDevice.open(0);
    stream = device.newStream();
    event = device.newEvent();
    counter = device.allocate(Integer.BYTES);
    CudaModule module = device.module("count.cu", SOURCE, Map.of(), List.of());
    KernelArguments arguments = KernelArguments.builder().pointer(counter.address()).build(arena);
    launch = module.kernel("count").launch(1, 1, 1, 32, 1, 1, 0, arguments);
    stream.beginCapture();
    for (int i = 0; i < kernels; i++) {
      stream.launch(launch);
    }
    graph = stream.endCapture();
    stream.fill(counter.address(), (byte) 0, Integer.BYTES);
    stream.launch(graph);
    stream.launch(launch);
    MemorySegment out = arena.allocate(ValueLayout.JAVA_INT);
    stream.copyToHost(out, counter.address(), Integer.BYTES);
    stream.synchronize();
    int ran = out.get(ValueLayout.JAVA_INT, 0);
    if (ran != kernels + 1) {
      throw new IllegalStateException(ran + " kernels ran instead of " + (kernels + 1));
    }
    System.out.println("on " + device.name() + ", driver " + device.driverVersion());
  }

  /** Waits for the GPU, outside of the time. */
  @TearDown(Level.Invocation)
  public void drain() {
    stream.synchronize();
  }

  /** A call that gives the GPU nothing to do: Java, two downcalls, status checks. */
  @Benchmark
  @OperationsPerInvocation(CALLS)
  public void record() {
    for (int i = 0; i < CALLS; i++) {
      stream.record(event);
    }
  }

  /** One kernel. */
  @Benchmark
  @OperationsPerInvocation(CALLS)
  public void kernelLaunch() {
    for (int i = 0; i < CALLS; i++) {
      stream.launch(launch);
    }
  }

  /** One graph of all kernels: what a step costs the host. */
  @Benchmark
  @OperationsPerInvocation(CALLS)
  public void graphLaunch() {
    for (int i = 0; i < CALLS; i++) {
      stream.launch(graph);
    }
  }

  /** Gives everything back. */
  @TearDown
  public void close() {
    graph.close();
    counter.close();
    event.close();
    stream.close();
    device.close();
    arena.close();
  }
}
