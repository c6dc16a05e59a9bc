package io.github.morseengine.tests.kernels;

import static io.github.morseengine.tests.kernels.KernelBench.ceil;
import static io.github.morseengine.tests.kernels.KernelBench.grid;
import static io.github.morseengine.tests.kernels.TimedLaunch.floats;
import static io.github.morseengine.tests.kernels.TimedLaunch.half;

import io.github.morseengine.kernels.KernelSources;
import io.github.morseengine.tests.kernels.TimedLaunch.Room;
import java.util.ArrayList;
import java.util.List;

/** Products, convolutions and attention at the shapes that are timed. */
final class TimedProducts {

  private static final int HALF = KernelBench.HALF;

  private final List<TimedLaunch> launches = new ArrayList<>();

  private TimedProducts() {}

  /** {@return the launches; of small shapes for the simulated device} */
  static List<TimedLaunch> of(boolean small) {
    TimedProducts t = new TimedProducts();
    int side = small ? 8 : 64;
    int wide = small ? 64 : 320;
    t.gemm("gemm_128x128", small ? 128 : 4096, small ? 128 : 4096, small ? 64 : 4096);
    t.gemm("gemm_64x64", 2 * side * side, wide, wide);
    t.gemm("gemm_32x32", 2 * 77, wide, wide);
    t.gemm("gemm_128x128_geglu", 2 * side * side, 4 * wide, wide);
    t.conv("conv_128x128", HALF, side, wide, wide, 128);
    t.conv("conv_64x64", HALF, side / 4, 4 * wide, 4 * wide, 64);
    t.conv("conv_plain", KernelBench.FLOAT, side / 4, wide, wide, 64);
    t.plain(small ? 64 : 1024);
    t.attention("attention_d40", 8, side * side, side * side, 40, 128);
    t.attention("attention_d40", 8, side * side, 77, 40, 128);
    t.attention("attention_d64", 10, side * side, side * side, 64, 128);
    t.attention("attention_d80_short", 8, side * side / 4, side * side / 4, 80, 64);
    t.attention("attention_wide_d512", 1, side * side, side * side, 512, 64);
    return t.launches;
  }

  private void add(
      String kernel, int type, String shape, int[] grid, double flops, Object... arguments) {
    int shared = KernelSources.instance(kernel).sharedBytes();
    launches.add(new TimedLaunch(kernel, type, shape, grid, shared, flops, 0, arguments));
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
}
