package io.github.morseengine.tests.kernels;

import static io.github.morseengine.tests.kernels.KernelBench.ceil;
import static io.github.morseengine.tests.kernels.KernelBench.grid;
import static io.github.morseengine.tests.kernels.TimedLaunch.floats;
import static io.github.morseengine.tests.kernels.TimedLaunch.half;

import io.github.morseengine.kernels.KernelSources;
import io.github.morseengine.tests.kernels.TimedLaunch.Room;
import java.util.ArrayList;
import java.util.List;

/** Norms, movement and the residual-feedback step at the shapes that are timed. */
final class TimedMovement {

  private static final int HALF = KernelBench.HALF;

  private final List<TimedLaunch> launches = new ArrayList<>();

  private TimedMovement() {}

  /** {@return the launches; of small shapes for the simulated device} */
  static List<TimedLaunch> of(boolean small) {
    TimedMovement t = new TimedMovement();
    int side = small ? 8 : 64;
    int wide = small ? 64 : 320;
    t.norms(side, wide, small ? 16 : 256);
    t.rows(2 * side * side, wide);
    t.movement(side, wide);
    t.step(small ? 1 : 16, side * side * 4);
    return t.launches;
  }

  private void add(
      String kernel, int type, String shape, int[] grid, double flops, Object... arguments) {
    int shared = KernelSources.instance(kernel).sharedBytes();
    launches.add(new TimedLaunch(kernel, type, shape, grid, shared, flops, 0, arguments));
  }

  private void norms(int side, int wide, int few) {
    int channels = wide;
    int groups = 32;
    int positions = 4 * side * side;
    int chunk = Math.max(1, positions / 128);
    int chunks = ceil(positions, chunk);
    Room partial = floats(2L * chunks * groups * 2);
    launches.add(
        new TimedLaunch(
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
    launches.add(
        new TimedLaunch(
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
    int many = 4 * wide;
    launches.add(
        new TimedLaunch(
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
    launches.add(
        new TimedLaunch(
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
}
