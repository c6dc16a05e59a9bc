package io.github.morseengine.tests.kernels;

import io.github.morseengine.engine.device.cuda.CudaDevice;
import io.github.morseengine.engine.device.cuda.CudaModule;
import io.github.morseengine.engine.device.cuda.CudaStream;
import io.github.morseengine.engine.device.cuda.KernelArguments;
import io.github.morseengine.engine.device.cuda.KernelLaunch;
import io.github.morseengine.engine.device.cuda.Stopwatch;
import io.github.morseengine.kernels.KernelInstance;
import io.github.morseengine.kernels.KernelSources;
import io.github.morseengine.tests.kernels.TimedLaunch.Room;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * Times kernels at shapes of SD 1.5 and SDXL with guidance (16-bit) by events. What they compute is
 * checked elsewhere, at odd sizes: {@link KernelCase}.
 */
public final class KernelTimes {

  /** Launches between two events, so that a launch's own time does not count. */
  private static final int LAUNCHES = 20;

  /**
   * A kernel's time.
   *
   * @param kernel the instance
   * @param shape in words without blanks; with the kernel's name the key of a peer's time
   * @param micros microseconds per launch
   * @param flops arithmetic of a launch, a multiply-add being two
   * @param bytes what a launch must read and write at least
   */
  public record Time(String kernel, String shape, double micros, double flops, double bytes) {}

  private KernelTimes() {}

  /**
   * Times all kernels, or those of one name.
   *
   * @param device the device
   * @param small whether shapes are small and launches few: for the simulated device
   * @param only a kernel's name; null for all
   * @param each hears of each time, or of why there is none
   */
  public static void run(CudaDevice device, boolean small, String only, Listener each) {
    List<TimedLaunch> all = new ArrayList<>(TimedProducts.of(small));
    all.addAll(TimedMovement.of(small));
    for (TimedLaunch spec : all) {
      if (only == null || spec.kernel().equals(only)) {
        try {
          each.timed(time(device, spec, small ? 1 : LAUNCHES));
        } catch (RuntimeException e) {
          each.failed(spec.kernel() + " " + spec.shape(), e);
        }
      }
    }
  }

  /** Hears of times. */
  public interface Listener {
    /** A kernel's time. */
    void timed(Time time);

    /** A kernel that failed. */
    void failed(String kernel, RuntimeException why);
  }

  private static Time time(CudaDevice device, TimedLaunch spec, int launches) {
    Object[] arguments = spec.arguments();
    long[] sizes = new long[arguments.length];
    for (int i = 0; i < sizes.length; i++) {
      sizes[i] = arguments[i] instanceof Room r ? Math.max(256, r.bytes()) : 256;
    }
    try (Arena arena = Arena.ofConfined();
        Stopwatch watch = new Stopwatch(device, sizes)) {
      KernelArguments.Builder builder = KernelArguments.builder();
      for (int i = 0; i < sizes.length; i++) {
        switch (arguments[i]) {
          case null -> builder.pointer(0);
          case Room r -> builder.pointer(place(device, watch.addresses()[i], r));
          case Integer v -> builder.i32(v);
          case Long v -> builder.i64(v);
          case Float v -> builder.f32(v);
          default -> throw new IllegalArgumentException("an argument " + arguments[i]);
        }
      }
      KernelInstance instance = KernelSources.instance(spec.kernel());
      CudaModule module =
          device.module(
              instance.file(),
              KernelSources.source(instance.file()),
              KernelSources.headers(),
              instance.options(spec.type()));
      int[] g = spec.grid();
      KernelLaunch launch =
          module
              .kernel(instance.entry())
              .launch(
                  g[0],
                  g.length > 1 ? g[1] : 1,
                  g.length > 2 ? g[2] : 1,
                  instance.threads(),
                  1,
                  1,
                  spec.shared(),
                  builder.build(arena));
      double micros =
          watch.micros(
              stream -> {
                for (int i = 0; i < launches; i++) {
                  stream.launch(launch);
                }
              });
      return new Time(spec.kernel(), spec.shape(), micros / launches, spec.flops(), spec.bytes());
    }
  }

  private static long place(CudaDevice device, long address, Room room) {
    if (room.content().length > 0) {
      try (Arena arena = Arena.ofConfined();
          CudaStream stream = device.newStream()) {
        MemorySegment host = arena.allocateFrom(ValueLayout.JAVA_INT, room.content());
        stream.copyToDevice(address, host, host.byteSize());
        stream.synchronize();
      }
    }
    return address;
  }
}
