package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * Group normalisation with pre-add, modulation and SiLU in two passes over memory: sums per channel,
 * then one affine map per channel with the activation. y = act(x * a[n,c] + b[n,c]), where a and b
 * hold the statistics and all of beta, gamma, A, M and S (see {@link
 * io.github.morseengine.engine.ir.FusedOps#GROUP_NORM}).
 */
final class GroupNormLowering {

  private GroupNormLowering() {}

  static void lower(Program p, Node node) {
    View x = p.channelsLast(p.get(node.input(0)));
    View y = p.allocate(DType.FLOAT32, x.shape(), View.channelsLast(x.shape()));
    View gamma = optional(p, node.input(1));
    View beta = optional(p, node.input(2));
    View pre = optional(p, node.input(3));
    View multiplier = optional(p, node.input(4));
    View shift = optional(p, node.input(5));
    List<View> views = new ArrayList<>(List.of(x, y));
    for (View v : new View[] {gamma, beta, pre, multiplier, shift}) {
      if (v != null) {
        views.add(v);
      }
    }
    int groups = (int) node.attributes().getInt("num_groups", 1);
    float epsilon = node.attributes().getFloat("epsilon", 1e-5f);
    boolean silu = node.attributes().getString("activation", "none").equals("silu");
    RowKernels rows = RowKernels.best(p.vectors);
    p.add(
        new JavaStep(
            "group norm, " + rows.label(),
            views,
            b ->
                new Kernel(
                    b, rows, x, y, new View[] {gamma, beta, pre, multiplier, shift}, groups,
                    epsilon, silu)),
        silu ? "GroupNorm+SiLU" : "GroupNorm",
        x.elements() * 8);
    p.put(node.output(0), y);
  }

  private static View optional(Program p, Value v) {
    return v == null ? null : p.dense(p.get(v));
  }

  /** The kernel with its memory; scratch is per thread and allocated once. */
  private static final class Kernel implements Step.Bound {
    private static final ValueLayout.OfFloat F = ValueLayout.JAVA_FLOAT;
    private final Binding binding;
    private final RowKernels rows;
    private final MemorySegment x;
    private final MemorySegment y;
    private final MemorySegment[] extra = new MemorySegment[5];
    private final boolean[] perSample = new boolean[5];
    private final int batch;
    private final int channels;
    private final int positions;
    private final int groups;
    private final float epsilon;
    private final boolean silu;
    private final float[][] scratch;

    Kernel(
        Binding b,
        RowKernels rows,
        View x,
        View y,
        View[] extra,
        int groups,
        float epsilon,
        boolean silu) {
      this.binding = b;
      this.rows = rows;
      this.x = b.of(x);
      this.y = b.of(y);
      this.batch = (int) x.shape()[0];
      this.channels = (int) x.shape()[1];
      this.positions = (int) (x.elements() / Math.max(1, (long) batch * channels));
      this.groups = groups;
      this.epsilon = epsilon;
      this.silu = silu;
      for (int i = 0; i < extra.length; i++) {
        this.extra[i] = extra[i] == null ? null : b.of(extra[i]);
        perSample[i] = i >= 2 && extra[i] != null && extra[i].shape()[0] > 1;
      }
      this.scratch = new float[5 * b.team().threads()][channels];
    }

    @Override
    public void run() {
      if ((long) positions * channels * batch < 2048) {
        part(0, 1);
      } else {
        binding.team().parallel(this::part);
      }
    }

    /** Whole samples for each thread where there are enough, else some groups of every sample. */
    private void part(int thread, int threads) {
      if (batch % threads == 0) {
        for (int n = batch * thread / threads; n < batch * (thread + 1) / threads; n++) {
          sample(n, 0, groups, thread);
        }
      } else {
        for (int n = 0; n < batch; n++) {
          sample(n, groups * thread / threads, groups * (thread + 1) / threads, thread);
        }
      }
    }

    private void sample(int n, int firstGroup, int endGroup, int thread) {
      int size = channels / groups;
      int from = firstGroup * size;
      int to = endGroup * size;
      float[] shift = scratch[5 * thread];
      float[] sum = scratch[5 * thread + 1];
      float[] squares = scratch[5 * thread + 2];
      float[] a = scratch[5 * thread + 3];
      float[] b = scratch[5 * thread + 4];
      long base = 4L * n * positions * channels;
      for (int c = from; c < to; c++) {
        shift[c] = x.get(F, base + 4L * c);
      }
      rows.sums(x, base, positions, channels, from, to, shift, sum, squares);
      for (int g = firstGroup; g < endGroup; g++) {
        coefficients(n, g * size, (g + 1) * size, shift, sum, squares, a, b);
      }
      rows.affine(x, y, base, positions, channels, from, to, a, b, silu);
    }

    private void coefficients(
        int n, int from, int to, float[] shift, float[] sum, float[] squares, float[] a, float[] b) {
      double count = positions;
      double mean = 0;
      for (int c = from; c < to; c++) {
        mean += shift[c] + sum[c] / count + value(2, n, c, 0);
      }
      mean /= to - from;
      double variance = 0;
      for (int c = from; c < to; c++) {
        double d = shift[c] + sum[c] / count + value(2, n, c, 0) - mean;
        variance += squares[c] / count - sum[c] / count * (sum[c] / count) + d * d;
      }
      double rate = 1 / Math.sqrt(Math.max(0, variance / (to - from)) + epsilon);
      for (int c = from; c < to; c++) {
        double gain = value(0, n, c, 1) * rate;
        double offset = value(1, n, c, 0) + (value(2, n, c, 0) - mean) * gain;
        double m = value(3, n, c, 1);
        a[c] = (float) (gain * m);
        b[c] = (float) (offset * m + value(4, n, c, 0));
      }
    }

    private float value(int which, int n, int c, float fallback) {
      MemorySegment s = extra[which];
      return s == null
          ? fallback
          : s.get(F, 4L * (perSample[which] ? (long) n * channels + c : c));
    }
  }
}
