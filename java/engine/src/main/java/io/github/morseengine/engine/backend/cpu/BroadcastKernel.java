package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.ffi.onednn.Primitives.BinaryKind;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * y = a op b for float32 views with any strides, 0 where an operand is repeated. Dimensions are
 * visited in the order of the target and merged where all three allow; the outermost is split among
 * the threads.
 */
final class BroadcastKernel {

  private static final long PARALLEL_FROM = 8192;
  private static final int CHUNK = 2048;
  private static final ValueLayout.OfFloat F = ValueLayout.JAVA_FLOAT;

  private final BinaryKind kind;
  private final MemorySegment a;
  private final MemorySegment b;
  private final MemorySegment y;

  /** Size, then the steps of a, b and y in bytes; outermost first. */
  private final long[][] plan;

  /** Whether short rows follow each other in a and y, to all of which the same row of b belongs. */
  private final boolean tiled;

  /** Buffers of each thread. */
  private final float[][] left;

  private final float[][] right;

  private BroadcastKernel(
      BinaryKind kind,
      MemorySegment a,
      MemorySegment b,
      MemorySegment y,
      long[][] plan,
      int threads) {
    this.kind = kind;
    this.a = a;
    this.b = b;
    this.y = y;
    this.plan = plan;
    this.tiled = plan.length > 1 && tiles(plan[plan.length - 2], plan[plan.length - 1]);
    int row = tiled ? CHUNK : (int) Math.min(CHUNK, plan[plan.length - 1][0]);
    this.left = new float[threads][row];
    this.right = new float[threads][row];
  }

  private static boolean tiles(long[] outer, long[] row) {
    boolean dense = row[1] == 4 && row[2] == 4 && row[3] == 4;
    long bytes = 4 * row[0];
    return dense && row[0] <= CHUNK / 2 && outer[1] == bytes && outer[2] == 0 && outer[3] == bytes;
  }

  /** A step for views of one shape (repeated dimensions expanded). */
  static Step step(BinaryKind kind, View a, View b, View y) {
    return new JavaStep(
        "strided binary", List.of(a, b, y), binding -> bind(binding, kind, a, b, y));
  }

  private static Step.Bound bind(Binding binding, BinaryKind kind, View a, View b, View y) {
    List<long[]> dims = new ArrayList<>();
    for (int d : y.order()) {
      if (y.shape()[d] == 1) {
        continue;
      }
      long[] dim = {y.shape()[d], 4 * a.strides()[d], 4 * b.strides()[d], 4 * y.strides()[d]};
      long[] outer = dims.isEmpty() ? null : dims.getLast();
      boolean merges = outer != null;
      for (int k = 1; merges && k < 4; k++) {
        merges = outer[k] == dim[0] * dim[k];
      }
      if (merges) {
        dim[0] *= outer[0];
        dims.set(dims.size() - 1, dim);
      } else {
        dims.add(dim);
      }
    }
    if (dims.isEmpty()) {
      dims.add(new long[] {1, 4, 4, 4});
    }
    BroadcastKernel k =
        new BroadcastKernel(
            kind,
            binding.of(a),
            binding.of(b),
            binding.of(y),
            dims.toArray(new long[0][]),
            binding.team().threads());
    long outermost = k.plan[0][0];
    if (y.elements() < PARALLEL_FROM) {
      return () -> k.walk(0, 0, 0, outermost, 0, 0, 0);
    }
    return () ->
        binding
            .team()
            .parallel((t, n) -> k.walk(t, 0, outermost * t / n, outermost * (t + 1) / n, 0, 0, 0));
  }

  private void walk(int thread, int d, long from, long to, long p, long q, long r) {
    long[] dim = plan[d];
    if (d == plan.length - 1) {
      row(thread, to - from, p + from * dim[1], q + from * dim[2], r + from * dim[3], dim);
      return;
    }
    if (tiled && d == plan.length - 2) {
      rows(thread, from, to, p, q, r);
      return;
    }
    for (long i = from; i < to; i++) {
      walk(thread, d + 1, 0, plan[d + 1][0], p + i * dim[1], q + i * dim[2], r + i * dim[3]);
    }
  }

  /** Through buffers on the heap, since the compiler vectorises loops over arrays. */
  private void row(int thread, long n, long p, long q, long r, long[] dim) {
    float[] u = left[thread];
    float[] v = right[thread];
    for (long i = 0; i < n; i += CHUNK) {
      int m = (int) Math.min(CHUNK, n - i);
      load(a, p + i * dim[1], dim[1], u, m);
      if (dim[2] == 0) {
        apply(u, b.get(F, q), m);
      } else {
        load(b, q + i * dim[2], dim[2], v, m);
        apply(u, v, m);
      }
      store(u, m, r + i * dim[3], dim[3]);
    }
  }

  /** Rows of a and y, as many at a time as a buffer takes, against one of b. */
  private void rows(int thread, long from, long to, long p, long q, long r) {
    float[] u = left[thread];
    float[] v = right[thread];
    int width = (int) plan[plan.length - 1][0];
    int most = CHUNK / width;
    int copies = (int) Math.min(most, to - from);
    for (int k = 0; k < copies; k++) {
      MemorySegment.copy(b, F, q, v, k * width, width);
    }
    for (long i = from; i < to; i += most) {
      int m = (int) Math.min(most, to - i) * width;
      MemorySegment.copy(a, F, p + 4 * i * width, u, 0, m);
      apply(u, v, m);
      MemorySegment.copy(u, 0, y, F, r + 4 * i * width, m);
    }
  }

  private static void load(MemorySegment from, long at, long step, float[] to, int n) {
    if (step == 4) {
      MemorySegment.copy(from, F, at, to, 0, n);
    } else if (step == 0) {
      Arrays.fill(to, 0, n, from.get(F, at));
    } else {
      for (int i = 0; i < n; i++) {
        to[i] = from.get(F, at + i * step);
      }
    }
  }

  private void store(float[] from, int n, long at, long step) {
    if (step == 4) {
      MemorySegment.copy(from, 0, y, F, at, n);
    } else {
      for (int i = 0; i < n; i++) {
        y.set(F, at + i * step, from[i]);
      }
    }
  }

  private void apply(float[] u, float v, int n) {
    switch (kind) {
      case ADD -> {
        for (int i = 0; i < n; i++) {
          u[i] += v;
        }
      }
      case SUB -> {
        for (int i = 0; i < n; i++) {
          u[i] -= v;
        }
      }
      case MUL -> {
        for (int i = 0; i < n; i++) {
          u[i] *= v;
        }
      }
      case DIV -> {
        for (int i = 0; i < n; i++) {
          u[i] /= v;
        }
      }
      case MAX -> {
        for (int i = 0; i < n; i++) {
          u[i] = Math.max(u[i], v);
        }
      }
      case MIN -> {
        for (int i = 0; i < n; i++) {
          u[i] = Math.min(u[i], v);
        }
      }
    }
  }

  private void apply(float[] u, float[] v, int n) {
    switch (kind) {
      case ADD -> {
        for (int i = 0; i < n; i++) {
          u[i] += v[i];
        }
      }
      case SUB -> {
        for (int i = 0; i < n; i++) {
          u[i] -= v[i];
        }
      }
      case MUL -> {
        for (int i = 0; i < n; i++) {
          u[i] *= v[i];
        }
      }
      case DIV -> {
        for (int i = 0; i < n; i++) {
          u[i] /= v[i];
        }
      }
      case MAX -> {
        for (int i = 0; i < n; i++) {
          u[i] = Math.max(u[i], v[i]);
        }
      }
      case MIN -> {
        for (int i = 0; i < n; i++) {
          u[i] = Math.min(u[i], v[i]);
        }
      }
    }
  }
}
