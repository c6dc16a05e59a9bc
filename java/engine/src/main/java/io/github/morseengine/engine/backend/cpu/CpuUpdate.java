package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.backend.SampleUpdate;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The residual-feedback step through buffers on the heap, which the compiler vectorises: every
 * input is read once and the output written once.
 */
final class CpuUpdate implements SampleUpdate {

  private static final int CHUNK = 1024;
  private static final ValueLayout.OfFloat F = ValueLayout.JAVA_FLOAT;

  @Override
  public void apply(Factors factors, double guidance, Memory m, long from, long to) {
    Factors f = factors.collapsed();
    float[] x = new float[CHUNK];
    float[] z = new float[CHUNK];
    float[] w = new float[CHUNK];
    float[] spare = new float[CHUNK];
    long half = m.x().byteSize() / 4;
    for (long at = from; at < to; at += CHUNK) {
      int n = (int) Math.min(CHUNK, to - at);
      MemorySegment.copy(m.x(), F, 4 * at, x, 0, n);
      estimate(m, at, z, spare, n);
      if (!Double.isNaN(guidance)) {
        estimate(m, at + half, w, spare, n);
        guide(z, w, (float) guidance, n);
      }
      if (f.a() != 0) {
        clipped(x, z, f, n);
      } else {
        linear(x, z, (float) f.b(), (float) f.c(), n);
      }
      if (m.noise() != null) {
        MemorySegment.copy(m.noise(), F, 4 * at, w, 0, n);
        add(x, w, (float) f.d(), n);
      }
      MemorySegment.copy(x, 0, m.out(), F, 4 * at, n);
    }
  }

  private static void estimate(Memory m, long at, float[] z, float[] spare, int n) {
    MemorySegment.copy(m.z(), F, 4 * at, z, 0, n);
    if (m.residual() != null) {
      MemorySegment.copy(m.residual(), F, 4 * at, spare, 0, n);
      add(z, spare, 1, n);
    }
  }

  private static void guide(float[] z, float[] conditional, float guidance, int n) {
    for (int i = 0; i < n; i++) {
      z[i] += guidance * (conditional[i] - z[i]);
    }
  }

  private static void linear(float[] x, float[] z, float b, float c, int n) {
    for (int i = 0; i < n; i++) {
      x[i] = b * x[i] + c * z[i];
    }
  }

  private static void clipped(float[] x, float[] z, Factors f, int n) {
    float p = (float) f.p();
    float q = (float) f.q();
    float limit = (float) f.limit();
    float a = (float) f.a();
    float b = (float) f.b();
    float c = (float) f.c();
    for (int i = 0; i < n; i++) {
      float start = Math.max(-limit, Math.min(limit, p * x[i] + q * z[i]));
      x[i] = a * start + b * x[i] + c * z[i];
    }
  }

  private static void add(float[] x, float[] noise, float d, int n) {
    for (int i = 0; i < n; i++) {
      x[i] += d * noise[i];
    }
  }
}
