package io.github.morseengine.tests.kernels;

import static io.github.morseengine.tests.kernels.KernelBench.ceil;
import static io.github.morseengine.tests.kernels.KernelBench.grid;

import io.github.morseengine.engine.device.cuda.CudaDevice;
import io.github.morseengine.engine.device.cuda.CudaModule;
import io.github.morseengine.engine.device.cuda.CudaStream;
import io.github.morseengine.engine.device.cuda.KernelArguments;
import io.github.morseengine.engine.device.cuda.KernelLaunch;
import io.github.morseengine.engine.device.cuda.Stopwatch;
import io.github.morseengine.kernels.KernelInstance;
import io.github.morseengine.kernels.KernelSources;
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

  private static final int HALF = KernelBench.HALF;

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

  /** Memory on the device: random numbers, or what is given. */
  private record Room(long bytes, int... content) {}

  private record Spec(
      String kernel,
      int type,
      String shape,
      int[] grid,
      int shared,
      double flops,
      double extraBytes,
      Object... arguments) {

    double bytes() {
      double sum = extraBytes;
      for (Object a : arguments) {
        sum += a instanceof Room r ? r.bytes() : 0;
      }
      return sum;
    }
  }

  private final boolean small;
  private final List<Spec> specs = new ArrayList<>();

  private KernelTimes(boolean small) {
    this.small = small;
    int side = small ? 8 : 64;
    int wide = small ? 64 : 320;
    gemm("gemm_128x128", small ? 128 : 4096, small ? 128 : 4096, small ? 64 : 4096);
    gemm("gemm_64x64", 2 * side * side, wide, wide);
    gemm("gemm_32x32", 2 * 77, wide, wide);
    gemm("gemm_128x128_geglu", 2 * side * side, 4 * wide, wide);
    conv("conv_128x128", HALF, side, wide, wide, 128);
    conv("conv_64x64", HALF, side / 4, 4 * wide, 4 * wide, 64);
    conv("conv_plain", KernelBench.FLOAT, side / 4, wide, wide, 64);
    plain(small ? 64 : 1024);
    attention("attention_d40", 8, side * side, side * side, 40, 128);
    attention("attention_d40", 8, side * side, 77, 40, 128);
    attention("attention_d64", 10, side * side, side * side, 64, 128);
    attention("attention_d80_short", 8, side * side / 4, side * side / 4, 80, 64);
    attention("attention_wide_d512", 1, side * side, side * side, 512, 64);
    norms(side, wide);
    rows(2 * side * side, wide);
    movement(side, wide);
    step(small ? 1 : 16, side * side * 4);
  }

  private static Room half(long elements) {
    return new Room(2 * elements);
  }

  private static Room floats(long elements) {
    return new Room(4 * elements);
  }

  private void add(
      String kernel, int type, String shape, int[] grid, double flops, Object... arguments) {
    int shared = KernelSources.instance(kernel).sharedBytes();
    specs.add(new Spec(kernel, type, shape, grid, shared, flops, 0, arguments));
  }

  private void gemm(String kernel, int m, int n, int k) {
    boolean geglu = kernel.contains("geglu");
    int wide = geglu ? 2 * n : n;
    int tile = kernel.contains("128") ? 128 : kernel.contains("32x32") ? 32 : 64;
    add(
        kernel,
        HALF,
        m + "x" + n + "x" + k,
        grid(ceil(m, tile), ceil(wide, tile), 1),
        2.0 * m * wide * k,
        half((long) m * k),
        half((long) wide * k),
        floats(wide),
        null,
        half((long) m * n),
        m,
        n,
        k,
        k,
        wide,
        n,
        n,
        1,
        0L,
        0L,
        0L,
        0L,
        0L,
        0L,
        0L,
        0L,
        1f);
  }

  /** A square product in float32. */
  private void plain(int n) {
    long square = (long) n * n;
    add(
        "gemm_plain",
        KernelBench.FLOAT,
        n + "x" + n + "x" + n,
        grid(ceil(n, 64), ceil(n, 64), 1),
        2.0 * n * square,
        floats(square),
        floats(square),
        floats(n),
        null,
        floats(square),
        n,
        n,
        n,
        (long) n,
        1L,
        (long) n,
        1L,
        n,
        n,
        1,
        0L,
        0L,
        0L,
        0L,
        0L,
        0L,
        0L,
        0L,
        1f);
  }

  private void conv(String kernel, int type, int side, int c, int k, int tile) {
    int pixels = 2 * side * side;
    long size = KernelBench.bytes(type);
    add(
        kernel,
        type,
        "2x" + side + "x" + side + "x" + c + "-" + k + "x3",
        grid(ceil(pixels, tile), ceil(k, tile), 1),
        18.0 * pixels * c * k,
        new Room(size * pixels * c),
        new Room(size * 9 * c * k),
        floats(k),
        null,
        new Room(size * pixels * k),
        2,
        side,
        side,
        c,
        c,
        k,
        k,
        k,
        3,
        3,
        side,
        side,
        1,
        1,
        1,
        1,
        1,
        1,
        1,
        1);
  }

  private void attention(String kernel, int heads, int queries, int keys, int d, int block) {
    int row = heads * d;
    var arguments = new ArrayList<Object>();
    arguments.addAll(List.of(half(2L * queries * row), half(2L * keys * row)));
    arguments.add(half(2L * keys * row));
    arguments.add(null);
    arguments.addAll(List.of(half(2L * queries * row), queries, keys));
    for (int length : new int[] {queries, keys, keys, queries}) {
      arguments.addAll(List.of((long) length * row, row, d));
    }
    arguments.addAll(List.of(0L, 0L, 0L, 0L, (float) (1 / Math.sqrt(d))));
    add(
        kernel,
        HALF,
        "2x" + heads + "x" + queries + "x" + keys + "x" + d,
        grid(ceil(queries, block), heads, 2),
        8.0 * heads * queries * keys * d,
        arguments.toArray());
  }

  private void norms(int side, int wide) {
    int channels = wide;
    int groups = 32;
    int positions = 4 * side * side;
    int chunk = Math.max(1, positions / 128);
    int chunks = ceil(positions, chunk);
    Room partial = floats(2L * chunks * groups * 2);
    specs.add(
        new Spec(
            "group_norm_stats_vec8",
            HALF,
            "2x" + positions + "x" + channels,
            grid(chunks, 2),
            8 * channels,
            0,
            0,
            half(2L * positions * channels),
            null,
            partial,
            positions,
            channels,
            groups,
            channels,
            0,
            chunk));
    specs.add(
        new Spec(
            "group_norm_apply_silu_vec8",
            HALF,
            "2x" + positions + "x" + channels,
            grid(chunks, 2),
            8 * channels + 8 * groups,
            0,
            0,
            half(2L * positions * channels),
            null,
            floats(channels),
            floats(channels),
            null,
            null,
            partial,
            half(2L * positions * channels),
            positions,
            channels,
            groups,
            channels,
            channels,
            0,
            0,
            0,
            chunk,
            chunk,
            1e-5f));
    int few = small ? 16 : 256;
    int many = 4 * wide;
    specs.add(
        new Spec(
            "group_norm_fused_silu_vec8",
            HALF,
            "2x" + few + "x" + many,
            grid(groups, 2),
            many / groups * (few * 2 + 16) + 8 + 16,
            0,
            0,
            half(2L * few * many),
            null,
            floats(many),
            floats(many),
            null,
            null,
            half(2L * few * many),
            few,
            many,
            groups,
            1,
            many,
            many,
            0,
            0,
            0,
            1e-5f));
  }

  private void rows(int rows, int wide) {
    String shape = rows + "x" + wide;
    Room x = half((long) rows * wide);
    Room gamma = floats(wide);
    add(
        "layer_norm_vec8",
        HALF,
        shape,
        grid(ceil(rows, 4)),
        0,
        x,
        gamma,
        floats(wide),
        half((long) rows * wide),
        rows,
        wide,
        wide,
        wide,
        1e-5f);
    add(
        "softmax_rows",
        HALF,
        shape,
        grid(ceil(rows, 4)),
        0,
        x,
        half((long) rows * wide),
        rows,
        wide,
        wide,
        wide);
    int gated = 4 * wide;
    add(
        "geglu_vec8",
        HALF,
        rows + "x" + gated,
        grid(ceil((long) rows * gated / 8, 256)),
        0,
        half(2L * rows * gated),
        half((long) rows * gated),
        rows,
        gated,
        2 * gated,
        gated);
    add(
        "reduce_mean_block",
        HALF,
        shape,
        grid(rows),
        0,
        x,
        half(rows),
        (long) rows,
        1L,
        1L,
        (long) wide,
        0L,
        0L,
        (long) wide,
        1L,
        1L,
        1L,
        0L,
        0L);
  }

  private void movement(int side, int wide) {
    int pixels = side * side;
    int[] doubled = new int[2 * side];
    for (int i = 0; i < doubled.length; i++) {
      doubled[i] = i / 2;
    }
    Room table = new Room(4L * doubled.length, doubled);
    add(
        "resize_nearest_vec8",
        HALF,
        "2x" + side + "x" + side + "x" + wide,
        grid(ceil(8L * pixels * (wide / 8), 256)),
        0,
        half(2L * pixels * wide),
        half(8L * pixels * wide),
        table,
        table,
        2,
        side,
        side,
        wide,
        2 * side,
        2 * side,
        wide,
        wide);
    add(
        "depth_to_space",
        HALF,
        "2x" + side + "x" + side + "x" + wide,
        grid(ceil(2L * pixels * wide, 256)),
        0,
        half(2L * pixels * wide),
        half(2L * pixels * wide),
        2,
        side,
        side,
        wide,
        2,
        0,
        wide,
        wide / 4);
    add(
        "transpose_half_half",
        0,
        "2x" + wide + "x" + pixels,
        grid(ceil(pixels, 32), ceil(wide, 32), 2),
        0,
        half(2L * pixels * wide),
        half(2L * pixels * wide),
        wide,
        pixels,
        pixels,
        wide,
        (long) pixels * wide,
        (long) pixels * wide);
    add(
        "pool_average",
        HALF,
        "2x" + side + "x" + side + "x" + wide,
        grid(ceil(2L * (pixels / 4) * wide, 256)),
        0,
        half(2L * pixels * wide),
        half(2L * (pixels / 4) * wide),
        2,
        side,
        side,
        wide,
        wide,
        wide,
        2,
        2,
        side / 2,
        side / 2,
        2,
        2,
        0,
        0,
        1,
        1,
        1,
        side,
        side);
    add(
        "space_to_depth",
        HALF,
        "2x" + side + "x" + side + "x" + wide,
        grid(ceil(2L * pixels * wide, 256)),
        0,
        half(2L * pixels * wide),
        half(2L * pixels * wide),
        2,
        side,
        side,
        wide,
        2,
        0,
        wide,
        4 * wide);
    add(
        "philox_normals",
        0,
        "" + pixels * wide,
        grid(ceil((long) pixels * wide, 1024)),
        0,
        floats((long) pixels * wide),
        (long) pixels * wide,
        1L,
        0,
        1);
    add(
        "timestep_embedding",
        HALF,
        "16x320",
        grid(ceil(16L * 160, 256)),
        0,
        floats(16),
        half(16L * 320),
        16,
        160,
        320,
        1,
        0f,
        1f,
        10000f);
  }

  private void step(int pictures, int pixels) {
    int channels = 4;
    long n = (long) pictures * channels * pixels;
    // One record per launch that may come; the counter goes on.
    int[] records = new int[32 * 1024];
    for (int r = 0; r < records.length; r += 32) {
      for (int word : new int[] {0, 1, 3, 5}) {
        records[r + word] = Float.floatToRawIntBits(0.5f);
      }
      records[r + 2] = Float.floatToRawIntBits(Float.POSITIVE_INFINITY);
      records[r + 11] = Float.floatToRawIntBits(3f);
      records[r + 12] = -1;
    }
    // The table is not traffic; x is read and written.
    double extra = 4.0 * n - 4.0 * records.length;
    specs.add(
        new Spec(
            "residual_feedback_step_nhwc",
            HALF,
            pictures + "x" + pixels + "x" + channels + "-guided",
            grid(Math.min(65535, ceil((long) pictures * channels * ceil(pixels, 4), 256))),
            0,
            0,
            extra,
            floats(n),
            half(2 * n),
            half(2 * n),
            null,
            null,
            null,
            half(2 * n),
            half(2 * n),
            null,
            null,
            new Room(4L * records.length, records),
            new Room(8, 0, 0),
            null,
            pictures,
            channels,
            pixels,
            2,
            channels,
            channels,
            0,
            0,
            0,
            0,
            0,
            1L));
  }

  /**
   * Times all kernels, or those of one name.
   *
   * @param device the device
   * @param small whether shapes are small and launches few: for the simulated device
   * @param only a kernel's name; null for all
   * @param each hears of each time, or of why there is none
   */
  public static void run(CudaDevice device, boolean small, String only, Listener each) {
    for (Spec spec : new KernelTimes(small).specs) {
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

  private static Time time(CudaDevice device, Spec spec, int launches) {
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
