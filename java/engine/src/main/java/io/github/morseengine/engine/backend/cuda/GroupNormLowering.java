package io.github.morseengine.engine.backend.cuda;

import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.tensor.DType;

/**
 * Group normalisation with pre-add, modulation and SiLU: in one pass where a block's groups fit its
 * shared memory, else in two.
 */
final class GroupNormLowering {

  /** Bytes of shared memory beside the slab: sums per vector lane of a block of 256 threads. */
  private static final long STATIC_SHARED = 2 * 4 * 8 * 256;

  /** Blocks per multiprocessor that the passes aim at. */
  private static final long WAVES = 4;

  private static final long LEAST_ROWS = 16;

  private GroupNormLowering() {}

  /**
   * Operands beside the image: [C] in float32, or [N or 1, C] in the type of activations.
   *
   * @param gamma scale; float32
   * @param beta shift; float32
   * @param pre added before
   * @param multiplier multiplied after
   * @param shift added after
   */
  private record Operands(View gamma, View beta, View pre, View multiplier, View shift) {

    private static long batch(View v) {
      return v == null || v.shape()[0] == 1 ? 0 : v.shape()[v.rank() - 1];
    }
  }

  private record Shape(long n, long positions, long channels, long groups, float epsilon) {}

  /** Lowers the fused operator. */
  static void lower(CudaProgram p, Node node) {
    Operands o =
        new Operands(
            p.floats(node.input(1)),
            p.floats(node.input(2)),
            perSample(p, node.input(3)),
            perSample(p, node.input(4)),
            perSample(p, node.input(5)));
    boolean silu = node.attributes().getString("activation", "none").equals("silu");
    add(p, node, (int) node.attributes().getInt("num_groups", 1), o, silu);
  }

  /** InstanceNormalization and GroupNormalization with one scale per channel; false for others. */
  static boolean plain(CudaProgram p, Node node) {
    Attributes a = node.attributes();
    long channels = node.input(0).shape()[1];
    long groups = node.opType().startsWith("Instance") ? channels : a.getInt("num_groups", 1);
    if (node.input(1).elements() != channels || node.input(0).elements() == 0) {
      return false;
    }
    View gamma = p.floats(node.input(1));
    View beta = p.floats(node.input(2));
    add(p, node, groups, new Operands(gamma, beta, null, null, null), false);
    return true;
  }

  private static View perSample(CudaProgram p, Value v) {
    return v == null ? null : p.dense(v, p.type);
  }

  private static void add(CudaProgram p, Node node, long groups, Operands o, boolean silu) {
    Rows x = Rows.pixels(p, p.get(node.input(0)), p.type);
    long[] shape = node.input(0).shape();
    Rows y = Rows.pixels(p.output(node.output(0), p.type, View.channelsLast(shape)));
    long channels = shape[1];
    Shape s =
        new Shape(
            shape[0],
            x.rows() / shape[0],
            channels,
            groups,
            node.attributes().getFloat("epsilon", 1e-5f));
    int vector = Rows.vector(channels, x, y);
    String suffix = (silu ? "_silu" : "") + Rows.suffix(vector);
    String what = silu ? "GroupNorm+SiLU" : "GroupNorm";
    long bundle = bundle(p, s, vector);
    if (bundle > 0) {
      p.add(fused(p, x, y, s, o, "group_norm_fused" + suffix, bundle), what, flops(x));
      return;
    }
    long chunk = chunk(p, s);
    long chunks = Math.ceilDiv(s.positions, chunk);
    View partial = p.allocateDense(DType.FLOAT32, s.n, chunks, groups, 2);
    String stats = "group_norm_stats" + Rows.suffix(vector);
    p.add(
        p.kernel(stats, p.type)
            .view(x.view())
            .view(o.pre)
            .view(partial)
            .i32(s.positions, channels, groups, x.ld(), Operands.batch(o.pre), chunk)
            .shared(8 * channels)
            .grid(chunks, s.n, 1),
        what + ": statistics",
        flops(x) / 2);
    p.add(
        p.kernel("group_norm_apply" + suffix, p.type)
            .view(x.view())
            .view(o.pre)
            .view(o.gamma)
            .view(o.beta)
            .view(o.multiplier)
            .view(o.shift)
            .view(partial)
            .view(y.view())
            .i32(s.positions, channels, groups, x.ld(), y.ld())
            .i32(Operands.batch(o.pre), Operands.batch(o.multiplier), Operands.batch(o.shift))
            .i32(chunk, chunk)
            .f32(s.epsilon)
            .shared(8 * channels + 8 * groups)
            .grid(chunks, s.n, 1),
        what,
        flops(x) / 2);
  }

  private static long flops(Rows x) {
    return 8 * x.rows() * x.width();
  }

  private static KernelStep fused(
      CudaProgram p, Rows x, Rows y, Shape s, Operands o, String name, long bundle) {
    return p.kernel(name, p.type)
        .view(x.view())
        .view(o.pre)
        .view(o.gamma)
        .view(o.beta)
        .view(o.multiplier)
        .view(o.shift)
        .view(y.view())
        .i32(s.positions, s.channels, s.groups, bundle, x.ld(), y.ld())
        .i32(Operands.batch(o.pre), Operands.batch(o.multiplier), Operands.batch(o.shift))
        .f32(s.epsilon)
        .shared(shared(p, s, bundle))
        .grid(s.groups / bundle, s.n, 1);
  }

  private static long shared(CudaProgram p, Shape s, long bundle) {
    long channels = bundle * s.channels / s.groups;
    return channels * (s.positions * p.type.bytes() + 16) + 8 * bundle + 16;
  }

  /** Groups per block of the one-pass kernel: the fewest whose channels are whole vectors; or 0. */
  private static long bundle(CudaProgram p, Shape s, int vector) {
    for (long b = 1; b <= s.groups; b++) {
      if (s.groups % b == 0 && b * (s.channels / s.groups) % vector == 0) {
        long bytes = shared(p, s, b) + STATIC_SHARED;
        return bytes <= p.device.sharedBytesPerBlockOptin() ? b : 0;
      }
    }
    return 0;
  }

  /** Positions per block of the two-pass kernels: so that the device is filled a few times. */
  private static long chunk(CudaProgram p, Shape s) {
    long blocks = Math.max(1, WAVES * p.device.multiprocessors() / s.n);
    return Math.max(LEAST_ROWS, Math.ceilDiv(s.positions, blocks));
  }
}
