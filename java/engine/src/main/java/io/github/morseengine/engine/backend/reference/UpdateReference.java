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
      double x = get(m.x(), i);
      double y = f.b() * x + f.c() * z;
      if (f.a() != 0) {
        y += f.a() * Math.clamp(f.p() * x + f.q() * z, -f.limit(), f.limit());
      }
      if (m.noise() != null) {
        y += f.d() * get(m.noise(), i);
      }
      m.out().setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) y);
    }
  }

  private static double estimate(Memory m, long i) {
    double z = get(m.z(), i);
    return m.residual() == null ? z : z + get(m.residual(), i);
  }

  private static double get(MemorySegment s, long i) {
    return s.getAtIndex(ValueLayout.JAVA_FLOAT, i);
  }
}
