package io.github.morseengine.tests.kernels;

import io.github.morseengine.engine.device.cuda.CudaDevice;
import io.github.morseengine.engine.device.cuda.CudaModule;
import io.github.morseengine.engine.device.cuda.CudaStream;
import io.github.morseengine.engine.device.cuda.DeviceBuffer;
import io.github.morseengine.engine.device.cuda.KernelArguments;
import io.github.morseengine.kernels.KernelInstance;
import io.github.morseengine.kernels.KernelSources;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** A device with what a test of one kernel needs: numbers on it, a launch, numbers back. */
final class KernelBench implements AutoCloseable {

  static final int FLOAT = 0;
  static final int HALF = 1;
  static final int BFLOAT = 2;

  private static final Arena ARENA = Arena.global();

  private final CudaDevice device;
  private final CudaStream stream;
  private final List<DeviceBuffer> buffers = new ArrayList<>();

  KernelBench(CudaDevice device) {
    this.device = device;
    stream = device.newStream();
  }

  /**
   * Numbers on the device.
   *
   * @param buffer where
   * @param type code of their type (ABI.md)
   * @param values what they are there, after rounding to the type
   */
  record Numbers(DeviceBuffer buffer, int type, double[] values) {

    long address() {
      return buffer.address();
    }

    double get(long i) {
      return values[(int) i];
    }
  }

  static int bytes(int type) {
    return switch (type) {
      case HALF, BFLOAT -> 2;
      case 0, 3 -> 4;
      case 5, 6, 8 -> 1;
      default -> 8;
    };
  }

  /** Half the distance between 1 and the next number: the relative error of rounding. */
  static double unit(int type) {
    return type == HALF ? 0x1p-11 : type == BFLOAT ? 0x1p-8 : 0x1p-24;
  }

  /** Normal numbers times a scale. */
  Numbers random(int type, int count, double scale, long seed) {
    Random random = new Random(seed);
    double[] values = new double[count];
    for (int i = 0; i < count; i++) {
      values[i] = random.nextGaussian() * scale;
    }
    return of(type, values);
  }

  Numbers of(int type, double... values) {
    MemorySegment host = ARENA.allocate(Math.max(16, (long) values.length * bytes(type)), 16);
    double[] rounded = new double[values.length];
    for (int i = 0; i < values.length; i++) {
      put(host, type, i, values[i]);
      rounded[i] = get(host, type, i);
    }
    DeviceBuffer buffer = allocate(values.length * (long) bytes(type));
    stream.copyToDevice(buffer.address(), host, values.length * (long) bytes(type));
    stream.synchronize();
    return new Numbers(buffer, type, rounded);
  }

  /** Memory that nobody has written. */
  Numbers room(int type, int count) {
    return new Numbers(allocate((long) count * bytes(type)), type, new double[count]);
  }

  private DeviceBuffer allocate(long bytes) {
    DeviceBuffer buffer = device.allocate(bytes);
    buffers.add(buffer);
    return buffer;
  }

  /** What lies on the device now. */
  double[] read(Numbers n) {
    long bytes = (long) n.values().length * bytes(n.type());
    MemorySegment host = ARENA.allocate(Math.max(16, bytes), 16);
    stream.copyToHost(host, n.address(), bytes);
    stream.synchronize();
    double[] out = new double[n.values().length];
    for (int i = 0; i < out.length; i++) {
      out[i] = get(host, n.type(), i);
    }
    return out;
  }

  private static void put(MemorySegment to, int type, long i, double v) {
    switch (type) {
      case FLOAT -> to.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) v);
      case HALF -> to.setAtIndex(ValueLayout.JAVA_SHORT, i, Float.floatToFloat16((float) v));
      case BFLOAT -> to.setAtIndex(ValueLayout.JAVA_SHORT, i, bfloat((float) v));
      case 3 -> to.setAtIndex(ValueLayout.JAVA_INT, i, (int) v);
      case 4 -> to.setAtIndex(ValueLayout.JAVA_LONG, i, (long) v);
      case 7 -> to.setAtIndex(ValueLayout.JAVA_DOUBLE, i, v);
      default -> to.set(ValueLayout.JAVA_BYTE, i, (byte) v);
    }
  }

  private static double get(MemorySegment from, int type, long i) {
    return switch (type) {
      case FLOAT -> from.getAtIndex(ValueLayout.JAVA_FLOAT, i);
      case HALF -> Float.float16ToFloat(from.getAtIndex(ValueLayout.JAVA_SHORT, i));
      case BFLOAT -> Float.intBitsToFloat(from.getAtIndex(ValueLayout.JAVA_SHORT, i) << 16);
      case 3 -> from.getAtIndex(ValueLayout.JAVA_INT, i);
      case 4 -> from.getAtIndex(ValueLayout.JAVA_LONG, i);
      case 7 -> from.getAtIndex(ValueLayout.JAVA_DOUBLE, i);
      case 8 -> from.get(ValueLayout.JAVA_BYTE, i);
      default -> from.get(ValueLayout.JAVA_BYTE, i) & 0xff;
    };
  }

  private static short bfloat(float v) {
    int bits = Float.floatToRawIntBits(v);
    return (short) (v != v ? 0x7fc0 : bits + 0x7fff + (bits >> 16 & 1) >> 16);
  }

  /** Starts a shipped instance with its own dynamic shared memory, and waits. */
  void run(String name, int type, int[] grid, KernelArguments.Builder arguments) {
    run(name, type, grid, KernelSources.instance(name).sharedBytes(), arguments);
  }

  /**
   * Starts a shipped instance and waits.
   *
   * @param name the instance
   * @param type MORSE_T
   * @param grid blocks along x, y, z; missing ones are 1
   * @param shared bytes of dynamic shared memory
   * @param arguments in the order of ABI.md
   */
  void run(String name, int type, int[] grid, int shared, KernelArguments.Builder arguments) {
    KernelInstance instance = KernelSources.instance(name);
    CudaModule module =
        device.module(
            instance.file(),
            KernelSources.source(instance.file()),
            KernelSources.headers(),
            instance.options(type));
    stream.launch(
        module
            .kernel(instance.entry())
            .launch(
                grid[0],
                grid.length > 1 ? grid[1] : 1,
                grid.length > 2 ? grid[2] : 1,
                instance.threads(),
                1,
                1,
                shared,
                arguments.build(ARENA)));
    stream.synchronize();
  }

  /** Compiles a source of the test's own and starts one block of 256 threads. */
  void run(String name, String source, String entry, KernelArguments.Builder arguments) {
    CudaModule module = device.module(name, source, KernelSources.headers(), List.of());
    stream.launch(module.kernel(entry).launch(1, 1, 1, 256, 1, 1, 0, arguments.build(ARENA)));
    stream.synchronize();
  }

  static int[] grid(int... blocks) {
    return blocks;
  }

  static int ceil(long a, long b) {
    return Math.toIntExact((a + b - 1) / b);
  }

  /** Arguments by kind: Numbers and null are pointers; Integer, Long and Float what they are. */
  static KernelArguments.Builder arguments(Object... values) {
    KernelArguments.Builder out = KernelArguments.builder();
    for (Object v : values) {
      switch (v) {
        case null -> out.pointer(0);
        case Numbers n -> out.pointer(n.address());
        case Integer i -> out.i32(i);
        case Long l -> out.i64(l);
        case Float f -> out.f32(f);
        default -> throw new IllegalArgumentException("an argument " + v);
      }
    }
    return out;
  }

  @Override
  public void close() {
    stream.close();
    buffers.forEach(DeviceBuffer::close);
  }
}
