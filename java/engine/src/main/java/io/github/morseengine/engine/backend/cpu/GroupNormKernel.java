package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.backend.plan.View;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Group normalisation bound to its memory; scratch is per thread and allocated once. */
final class GroupNormKernel implements Step.Bound {

  /**
   * What a norm computes beside x: see {@link io.github.morseengine.engine.ir.FusedOps#GROUP_NORM}.
   */
  record Spec(int groups, float epsilon, boolean silu) {}

  private static final ValueLayout.OfFloat F = ValueLayout.JAVA_FLOAT;

  /** Below this many elements a second region costs more than the other thread saves. */
  private static final int SMALL = 8192;

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

  /** Per thread, of the sample that it is at. */
  private final GroupNormCoefficients[] own;

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
      perSample[i] = i >= GroupNormCoefficients.PRE && extra[i] != null && extra[i].shape()[0] > 1;
    }
    int threads = binding.team().threads();
    this.rows = new Rows[threads];
    this.own = new GroupNormCoefficients[threads];
    for (int t = 0; t < threads; t++) {
      rows[t] = new Rows(channels);
      own[t] = new GroupNormCoefficients(channels);
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
      GroupNormCoefficients c = own[thread];
      firstRow(n, c.origin);
      rows[thread].sums(x, first, first + positions, c.origin, c.sum, c.squares);
      coefficients(n, thread);
      rows[thread].affine(x, y, first, first + positions, c.a, c.b, spec.silu());
    }
  }

  private void sumPart(int thread, int threads) {
    long first = (long) sample * positions;
    GroupNormCoefficients c = own[thread];
    firstRow(sample, c.origin);
    rows[thread].sums(
        x,
        first + (long) positions * thread / threads,
        first + (long) positions * (thread + 1) / threads,
        c.origin,
        c.sum,
        c.squares);
  }

  private void merge() {
    for (int t = 1; t < own.length; t++) {
      for (int c = 0; c < channels; c++) {
        own[0].sum[c] += own[t].sum[c];
        own[0].squares[c] += own[t].squares[c];
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
        own[0].a,
        own[0].b,
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
        MemorySegment.copy(extra[i], F, 4 * at, own[thread].values[i], 0, channels);
      }
    }
    own[thread].compute(spec.groups(), spec.epsilon(), positions);
  }
}
