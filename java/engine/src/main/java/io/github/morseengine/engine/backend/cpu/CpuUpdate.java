package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.backend.SampleUpdate;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The residual-feedback step through buffers on the heap, which the compiler vectorises: every
 * input is read once and every output written once. A chunk stays in the first-level cache over the
 * loops.
 */
public final class CpuUpdate implements SampleUpdate {

  private static final int CHUNK = 1024;
  private static final ValueLayout.OfFloat F = ValueLayout.JAVA_FLOAT;

  /** Creates the stateless step. */
  public CpuUpdate() {}

  @Override
  public void apply(Factors factors, double guidance, Memory m, long from, long to) {
    Factors f = factors.collapsed();
    boolean keeps = f.store().slot() >= 0;
    float[] x = new float[CHUNK];
    float[] z = new float[CHUNK];
    float[] w = new float[CHUNK];
    float[] spare = new float[CHUNK];
    float[] kept = keeps ? new float[CHUNK] : null;
    float[] start = f.needsStart() ? new float[CHUNK] : null;
    long half = m.x().byteSize() / 4;
    for (long at = from; at < to; at += CHUNK) {
      int n = (int) Math.min(CHUNK, to - at);
      MemorySegment.copy(m.x(), F, 4 * at, x, 0, n);
      estimate(m, at, z, spare, n);
      if (!Double.isNaN(guidance)) {
        estimate(m, at + half, w, spare, n);
        guide(z, w, (float) guidance, n);
      }
      if (f.g() != 0) {
        add(z, load(m.gradient(), at, w, n), (float) f.g(), n);
      }
      if (start != null) {
        start(x, z, start, f, n);
      }
      if (keeps) {
        keep(x, z, start, kept, f.store(), n);
      }
      if (f.a() != 0) {
        clipped(x, z, start, f, n);
      } else {
        linear(x, z, (float) f.b(), (float) f.c(), n);
      }
      if (f.d() != 0) {
        add(x, load(m.noise(), at, w, n), (float) f.d(), n);
      }
      for (int k = 0; k < HISTORY; k++) {
        if (f.history(k) != 0) {
          add(x, load(m.history().get(k), at, w, n), (float) f.history(k), n);
        }
      }
      if (keeps) {
        MemorySegment.copy(kept, 0, m.history().get(f.store().slot()), F, 4 * at, n);
      }
      MemorySegment.copy(x, 0, m.out(), F, 4 * at, n);
    }
  }

  private static float[] load(MemorySegment from, long at, float[] to, int n) {
    MemorySegment.copy(from, F, 4 * at, to, 0, n);
    return to;
  }

  private static void estimate(Memory m, long at, float[] z, float[] spare, int n) {
    load(m.z(), at, z, n);
    if (m.residual() != null) {
      add(z, load(m.residual(), at, spare, n), 1, n);
    }
  }

  private static void guide(float[] z, float[] conditional, float guidance, int n) {
    for (int i = 0; i < n; i++) {
      z[i] += guidance * (conditional[i] - z[i]);
    }
  }

  private static void start(float[] x, float[] z, float[] start, Factors f, int n) {
    float p = (float) f.p();
    float q = (float) f.q();
    float limit = (float) f.limit();
    for (int i = 0; i < n; i++) {
      start[i] = Math.max(-limit, Math.min(limit, p * x[i] + q * z[i]));
    }
  }

  private static void keep(float[] x, float[] z, float[] start, float[] kept, Store store, int n) {
    float u = (float) store.u();
    float v = (float) store.v();
    float w = (float) store.w();
    for (int i = 0; i < n; i++) {
      kept[i] = u * x[i] + w * z[i];
    }
    if (store.v() != 0) {
      add(kept, start, v, n);
    }
  }

  private static void linear(float[] x, float[] z, float b, float c, int n) {
    for (int i = 0; i < n; i++) {
      x[i] = b * x[i] + c * z[i];
    }
  }

  private static void clipped(float[] x, float[] z, float[] start, Factors f, int n) {
    float a = (float) f.a();
    float b = (float) f.b();
    float c = (float) f.c();
    for (int i = 0; i < n; i++) {
      x[i] = a * start[i] + b * x[i] + c * z[i];
    }
  }

  private static void add(float[] x, float[] other, float factor, int n) {
    for (int i = 0; i < n; i++) {
      x[i] += factor * other[i];
    }
  }
}
