package io.github.morseengine.jmh.cuda;

import io.github.morseengine.engine.device.cuda.CudaDevice;
import io.github.morseengine.engine.device.cuda.CudaKernel;
import io.github.morseengine.engine.device.cuda.CudaStream;
import io.github.morseengine.engine.device.cuda.KernelArguments;
import io.github.morseengine.engine.device.cuda.KernelLaunch;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.kernels.KernelInstance;
import io.github.morseengine.kernels.KernelSources;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.StringJoiner;
import java.util.function.ToLongFunction;

/**
 * The launches of own kernels that make up one run, with their arguments in memory. Arguments stand
 * in the order of ABI.md: a tensor is the address of its copy on the device, null a pointer that
 * takes no part, and an Integer, Long or Float is itself. For one thread.
 */
final class Launches {

  /** Threads per block of sources that are no shipped instance. */
  private static final int GENERATED_THREADS = 256;

  private final CudaDevice device;
  private final DType type;
  private final ToLongFunction<Tensor> place;
  private final Arena arena = Arena.ofAuto();
  private final List<KernelLaunch> launches = new ArrayList<>();
  private final StringJoiner names = new StringJoiner(", ");

  /**
   * Starts without launches.
   *
   * @param device where
   * @param type the element type that kernels compute with
   * @param place gives the address of a tensor's copy
   */
  Launches(CudaDevice device, DType type, ToLongFunction<Tensor> place) {
    this.device = device;
    this.type = type;
    this.place = place;
  }

  /** {@return blocks along x, y and z} */
  static long[] grid(long... blocks) {
    return blocks;
  }

  /** {@return MORSE_T of an element type} */
  static int code(DType type) {
    return switch (type) {
      case FLOAT32 -> 0;
      case FLOAT16 -> 1;
      case BFLOAT16 -> 2;
      default -> throw new IllegalArgumentException("no kernel computes with " + type);
    };
  }

  /** {@return a macro of a shipped kernel, such as its tile size} */
  static int macro(String instance, String macro) {
    return KernelSources.instance(instance).macro(macro);
  }

  /** Adds a launch with the instance's own shared memory. */
  void add(String instance, long[] grid, Object... arguments) {
    addShared(instance, KernelSources.instance(instance).sharedBytes(), grid, arguments);
  }

  /** Adds a launch with this many bytes of dynamic shared memory. */
  void addShared(String instance, long shared, long[] grid, Object... arguments) {
    KernelInstance i = KernelSources.instance(instance);
    CudaKernel kernel =
        device
            .module(
                i.file(),
                KernelSources.source(i.file()),
                KernelSources.headers(),
                i.options(code(type)))
            .kernel(i.entry());
    add(instance, kernel, i.threads(), shared, grid, arguments);
  }

  /** Adds a launch of a source that is not shipped, as the engine generates them. */
  void addGenerated(String entry, String source, long[] grid, Object... arguments) {
    CudaKernel kernel =
        device.module(entry + ".cu", source, KernelSources.headers(), List.of()).kernel(entry);
    add(entry, kernel, GENERATED_THREADS, 0, grid, arguments);
  }

  private void add(
      String name, CudaKernel kernel, int threads, long shared, long[] grid, Object... arguments) {
    KernelArguments.Builder out = KernelArguments.builder();
    for (Object a : arguments) {
      switch (a) {
        case null -> out.pointer(0);
        case Tensor t -> out.pointer(place.applyAsLong(t));
        case Integer i -> out.i32(i);
        case Long l -> out.i64(l);
        case Float f -> out.f32(f);
        default -> throw new IllegalArgumentException(name + " takes no " + a.getClass());
      }
    }
    int[] blocks = {1, 1, 1};
    for (int i = 0; i < grid.length; i++) {
      blocks[i] = Math.toIntExact(grid[i]);
    }
    launches.add(
        kernel.launch(
            blocks[0],
            blocks[1],
            blocks[2],
            threads,
            1,
            1,
            Math.toIntExact(shared),
            out.build(arena)));
    names.add(name);
  }

  /** Enqueues all, in order. */
  void enqueue(CudaStream on) {
    for (KernelLaunch launch : launches) {
      on.launch(launch);
    }
  }

  @Override
  public String toString() {
    return names.toString();
  }
}
