package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.backend.plan.View;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/** Group normalisation bound to its memory; scratch is per thread and allocated once. */
final class GroupNormKernel implements Step.Bound {

  /**
   * What a norm computes beside x: see {@link io.github.morseengine.engine.ir.FusedOps#GROUP_NORM}.
   */
  record Spec(int groups, float epsilon, boolean silu) {}

  private static final ValueLayout.OfFloat F = ValueLayout.JAVA_FLOAT;
  private static final int SMALL = 4096;
  private static final int GAMMA = 0;
  private static final int BETA = 1;
  private static final int PRE = 2;
  private static final int MULTIPLIER = 3;
  private static final int SHIFT = 4;

  private final Binding binding;
  private final Spec spec;
  private final MemorySegment x;
  private final MemorySegment y;
  private final MemorySegment[] extra;
  private final boolean[] perSample;
  private final int batch;
  private final int channels;
  private final int positions;
  private final Rows[] rows;
  private final float[][] sum;
  private final float[][] squares;
  private final float[][] a;
  private final float[][] b;
  private final float[][] shift;

  /** Per thread: gamma, beta, pre-add, multiplier and shift of one sample. */
  private final float[][][] values;

  private int sample;

  GroupNormKernel(Binding binding, Spec spec, View x, View y, View[] extra) {
    this.binding = binding;
    this.spec = spec;
    this.x = binding.of(x);
    this.y = binding.of(y);
    this.batch = (int) x.shape()[0];
    this.channels = (int) x.shape()[1];
    this.positions = (int) (x.elements() / Math.max(1, (long) batch * channels));
    this.extra = new MemorySegment[extra.length];
    this.perSample = new boolean[extra.length];
    for (int i = 0; i < extra.length; i++) {
      this.extra[i] = extra[i] == null ? null : binding.of(extra[i]);
      perSample[i] = i >= PRE && extra[i] != null && extra[i].shape()[0] > 1;
    }
    int threads = binding.team().threads();
    this.rows = new Rows[threads];
    for (int t = 0; t < threads; t++) {
      rows[t] = new Rows(channels);
    }
    this.sum = new float[threads][channels];
    this.squares = new float[threads][channels];
    this.shift = new float[threads][channels];
    this.a = new float[threads][channels];
    this.b = new float[threads][channels];
    this.values = new float[threads][extra.length][channels];
    for (float[][] own : values) {
      Arrays.fill(own[GAMMA], 1);
      Arrays.fill(own[MULTIPLIER], 1);
    }
  }

  @Override
  public void run() {
    int threads = binding.team().threads();
    if (batch % threads == 0 && threads > 1) {
      binding.team().parallel(this::samples);
    } else if ((long) positions * channels < SMALL || threads == 1) {
      samples(0, 1);
    } else {
      for (sample = 0; sample < batch; sample++) {
        binding.team().parallel(this::sumPart);
        merge();
        binding.team().parallel(this::applyPart);
      }
    }
  }

  /** Whole samples by one thread: both passes in one region. */
  private void samples(int thread, int threads) {
    for (int n = batch * thread / threads; n < batch * (thread + 1) / threads; n++) {
      long first = (long) n * positions;
      firstRow(n, shift[thread]);
      rows[thread].sums(x, first, first + positions, shift[thread], sum[thread], squares[thread]);
      coefficients(n, thread);
      rows[thread].affine(x, y, first, first + positions, a[thread], b[thread], spec.silu());
    }
  }

  private void sumPart(int thread, int threads) {
    long first = (long) sample * positions;
    firstRow(sample, shift[thread]);
    rows[thread].sums(
        x,
        first + (long) positions * thread / threads,
        first + (long) positions * (thread + 1) / threads,
        shift[thread],
        sum[thread],
        squares[thread]);
  }

  private void merge() {
    for (int t = 1; t < sum.length; t++) {
      for (int c = 0; c < channels; c++) {
        sum[0][c] += sum[t][c];
        squares[0][c] += squares[t][c];
      }
    }
    coefficients(sample, 0);
  }

  private void applyPart(int thread, int threads) {
    long first = (long) sample * positions;
    rows[thread].affine(
        x,
        y,
        first + (long) positions * thread / threads,
        first + (long) positions * (thread + 1) / threads,
        a[0],
        b[0],
        spec.silu());
  }

  /** The first position's values are near enough to the means to keep squares from cancelling. */
  private void firstRow(int n, float[] out) {
    MemorySegment.copy(x, F, 4L * n * positions * channels, out, 0, channels);
  }

  private void coefficients(int n, int thread) {
    for (int i = 0; i < extra.length; i++) {
      if (extra[i] != null) {
        long at = perSample[i] ? (long) n * channels : 0;
        MemorySegment.copy(extra[i], F, 4 * at, values[thread][i], 0, channels);
      }
    }
    int size = channels / spec.groups();
    for (int g = 0; g < spec.groups(); g++) {
      group(values[thread], g * size, (g + 1) * size, thread);
    }
  }

  private void group(float[][] v, int from, int to, int thread) {
    double perPosition = 1.0 / positions;
    float[] k = shift[thread];
    float[] s = sum[thread];
    float[] q = squares[thread];
    float[] pre = v[PRE];
    double mean = 0;
    for (int c = from; c < to; c++) {
      mean += k[c] + s[c] * perPosition + pre[c];
    }
    mean /= to - from;
    double variance = 0;
    for (int c = from; c < to; c++) {
      double own = s[c] * perPosition;
      double d = k[c] + own + pre[c] - mean;
      variance += q[c] * perPosition - own * own + d * d;
    }
    double rate = 1 / Math.sqrt(Math.max(0, variance / (to - from)) + spec.epsilon());
    for (int c = from; c < to; c++) {
      double gain = v[GAMMA][c] * rate;
      double offset = v[BETA][c] + (pre[c] - mean) * gain;
      double m = v[MULTIPLIER][c];
      a[thread][c] = (float) (gain * m);
      b[thread][c] = (float) (offset * m + v[SHIFT][c]);
    }
  }
}
