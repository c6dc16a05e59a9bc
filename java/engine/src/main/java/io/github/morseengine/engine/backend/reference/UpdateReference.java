package io.github.morseengine.engine.backend.reference;

import io.github.morseengine.engine.backend.SampleUpdate;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** The residual-feedback step, element by element in double precision. */
public final class UpdateReference implements SampleUpdate {

  /** Creates the stateless step. */
  public UpdateReference() {}

  @Override
  public void apply(Factors factors, double guidance, Memory m, long from, long to) {
    Factors f = factors.collapsed();
    long half = m.x().byteSize() / 4;
    for (long i = from; i < to; i++) {
      double z = estimate(m, i);
      if (!Double.isNaN(guidance)) {
        z += guidance * (estimate(m, i + half) - z);
      }
      if (f.g() != 0) {
        z += f.g() * get(m.gradient(), i);
      }
      double x = get(m.x(), i);
      double y = f.b() * x + f.c() * z;
      double start = 0;
      if (f.needsStart()) {
        start = Math.clamp(f.p() * x + f.q() * z, -f.limit(), f.limit());
        y += f.a() * start;
      }
      if (f.d() != 0) {
        y += f.d() * get(m.noise(), i);
      }
      for (int k = 0; k < HISTORY; k++) {
        if (f.history(k) != 0) {
          y += f.history(k) * get(m.history().get(k), i);
        }
      }
      Store s = f.store();
      if (s.slot() >= 0) {
        set(m.history().get(s.slot()), i, s.u() * x + s.v() * start + s.w() * z);
      }
      set(m.out(), i, y);
    }
  }

  private static double estimate(Memory m, long i) {
    double z = get(m.z(), i);
    return m.residual() == null ? z : z + get(m.residual(), i);
  }

  private static double get(MemorySegment s, long i) {
    return s.getAtIndex(ValueLayout.JAVA_FLOAT, i);
  }

  private static void set(MemorySegment s, long i, double value) {
    s.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) value);
  }
}
