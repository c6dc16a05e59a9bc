package io.github.morseengine.engine.backend.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Group normalisation bound to its memory; scratch is per thread and allocated once. */
final class GroupNormKernel implements Step.Bound {

  /**
   * What a norm computes beside x: see {@link io.github.morseengine.engine.ir.FusedOps#GROUP_NORM}.
   */
  record Spec(int groups, float epsilon, boolean silu) {}

  private static final ValueLayout.OfFloat F = ValueLayout.JAVA_FLOAT;
  private static final int SMALL = 4096;

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
      perSample[i] = i >= 2 && extra[i] != null && extra[i].shape()[0] > 1;
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
    int size = channels / spec.groups();
    for (int g = 0; g < spec.groups(); g++) {
      group(n, g * size, (g + 1) * size, thread);
    }
  }

  private void group(int n, int from, int to, int thread) {
    double count = positions;
    float[] k = shift[thread];
    float[] s = sum[thread];
    double mean = 0;
    for (int c = from; c < to; c++) {
      mean += k[c] + s[c] / count + value(2, n, c, 0);
    }
    mean /= to - from;
    double variance = 0;
    for (int c = from; c < to; c++) {
      double own = s[c] / count;
      double d = k[c] + own + value(2, n, c, 0) - mean;
      variance += squares[thread][c] / count - own * own + d * d;
    }
    double rate = 1 / Math.sqrt(Math.max(0, variance / (to - from)) + spec.epsilon());
    for (int c = from; c < to; c++) {
      double gain = value(0, n, c, 1) * rate;
      double offset = value(1, n, c, 0) + (value(2, n, c, 0) - mean) * gain;
      double m = value(3, n, c, 1);
      a[thread][c] = (float) (gain * m);
      b[thread][c] = (float) (offset * m + value(4, n, c, 0));
    }
  }

  private float value(int which, int n, int c, float fallback) {
    MemorySegment s = extra[which];
    return s == null ? fallback : s.get(F, 4L * (perSample[which] ? (long) n * channels + c : c));
  }
}
