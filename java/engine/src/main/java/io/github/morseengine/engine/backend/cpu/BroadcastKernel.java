package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.ffi.onednn.Primitive.BinaryKind;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * y = a op b for float32 views with any strides, 0 where an operand is repeated. Dimensions are
 * visited in the order of the target and merged where all three allow; the outermost is split among
 * the threads.
 */
final class BroadcastKernel {

  private static final long PARALLEL_FROM = 8192;
  private static final ValueLayout.OfFloat F = ValueLayout.JAVA_FLOAT;

  private final BinaryKind kind;
  private final MemorySegment a;
  private final MemorySegment b;
  private final MemorySegment y;

  /** Size, then the steps of a, b and y in bytes; outermost first. */
  private final long[][] plan;

  private BroadcastKernel(
      BinaryKind kind, MemorySegment a, MemorySegment b, MemorySegment y, long[][] plan) {
    this.kind = kind;
    this.a = a;
    this.b = b;
    this.y = y;
    this.plan = plan;
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
            kind, binding.of(a), binding.of(b), binding.of(y), dims.toArray(new long[0][]));
    long outermost = k.plan[0][0];
    if (y.elements() < PARALLEL_FROM) {
      return () -> k.walk(0, 0, outermost, 0, 0, 0);
    }
    return () ->
        binding
            .team()
            .parallel((t, n) -> k.walk(0, outermost * t / n, outermost * (t + 1) / n, 0, 0, 0));
  }

  private void walk(int d, long from, long to, long p, long q, long r) {
    long[] dim = plan[d];
    if (d == plan.length - 1) {
      row(to - from, p + from * dim[1], q + from * dim[2], r + from * dim[3], dim);
      return;
    }
    for (long i = from; i < to; i++) {
      walk(d + 1, 0, plan[d + 1][0], p + i * dim[1], q + i * dim[2], r + i * dim[3]);
    }
  }

  private void row(long n, long p, long q, long r, long[] dim) {
    if (dim[1] == 4 && dim[3] == 4 && dim[2] == 4) {
      dense(n, p, q, r);
      return;
    }
    for (long i = 0; i < n; i++) {
      float u = a.get(F, p + i * dim[1]);
      float v = b.get(F, q + i * dim[2]);
      y.set(F, r + i * dim[3], apply(u, v));
    }
  }

  /** Separate loops, so that each is vectorised. */
  private void dense(long n, long p, long q, long r) {
    switch (kind) {
      case ADD -> {
        for (long i = 0; i < n; i++) {
          y.set(F, r + 4 * i, a.get(F, p + 4 * i) + b.get(F, q + 4 * i));
        }
      }
      case MUL -> {
        for (long i = 0; i < n; i++) {
          y.set(F, r + 4 * i, a.get(F, p + 4 * i) * b.get(F, q + 4 * i));
        }
      }
      default -> {
        for (long i = 0; i < n; i++) {
          y.set(F, r + 4 * i, apply(a.get(F, p + 4 * i), b.get(F, q + 4 * i)));
        }
      }
    }
  }

  private float apply(float u, float v) {
    return switch (kind) {
      case ADD -> u + v;
      case SUB -> u - v;
      case MUL -> u * v;
      case DIV -> u / v;
      case MAX -> Math.max(u, v);
      case MIN -> Math.min(u, v);
    };
  }
}
