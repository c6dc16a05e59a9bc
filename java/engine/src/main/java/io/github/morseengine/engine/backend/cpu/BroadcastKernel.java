package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.ffi.onednn.Primitives.BinaryKind;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;

/** y = a op b for float32 views with any strides, 0 where an operand is repeated. */
final class BroadcastKernel implements Step.Bound {

  private static final int CHUNK = 2048;
  private static final ValueLayout.OfFloat F = ValueLayout.JAVA_FLOAT;

  private final BinaryKind kind;
  private final MemorySegment a;
  private final MemorySegment b;
  private final MemorySegment y;
  private final RowWalk walk;
  private final RowWalk.Row row = this::row;

  /** Buffers of each thread. */
  private final float[][] left;

  private final float[][] right;

  private BroadcastKernel(Binding binding, BinaryKind kind, View a, View b, View y) {
    this.kind = kind;
    this.a = binding.of(a);
    this.b = binding.of(b);
    this.y = binding.of(y);
    this.walk = new RowWalk(binding.team(), CHUNK, true, y, a, b);
    this.left = new float[binding.team().threads()][walk.width()];
    this.right = new float[binding.team().threads()][walk.width()];
  }

  /** A step for views of one shape (repeated dimensions expanded). */
  static Step step(BinaryKind kind, View a, View b, View y) {
    return new JavaStep(
        "strided binary", List.of(a, b, y), binding -> new BroadcastKernel(binding, kind, a, b, y));
  }

  @Override
  public void run() {
    walk.run(row);
  }

  /** Through buffers on the heap, since the compiler vectorises loops over arrays. */
  private void row(int thread, int n, long[] at) {
    float[] u = left[thread];
    float[] v = right[thread];
    load(a, at[1], walk.step(1), u, n);
    if (walk.step(2) == 0) {
      apply(u, b.get(F, at[2]), n);
    } else {
      int period = walk.period();
      load(b, at[2], walk.step(2), v, period > 0 ? period : n);
      for (int have = period; period > 0 && have < n; have *= 2) {
        System.arraycopy(v, 0, v, have, Math.min(have, n - have));
      }
      apply(u, v, n);
    }
    store(u, n, at[0], walk.step(0));
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
