package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.backend.SampleUpdate;
import io.github.morseengine.engine.backend.reference.UpdateReference;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * The residual-feedback step with the widest vectors of the processor; every input is read once and
 * the output written once. What does not fill a vector is left to the reference.
 */
final class VectorUpdate implements SampleUpdate {

  private static final VectorSpecies<Float> S = FloatVector.SPECIES_PREFERRED;
  private static final int VL = S.length();
  private static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;

  private final SampleUpdate rest = new UpdateReference();

  @Override
  public void apply(Factors factors, double guidance, Memory m, long from, long to) {
    Factors f = factors.collapsed();
    long half = m.x().byteSize();
    float b = (float) f.b();
    float c = (float) f.c();
    boolean clipped = f.a() != 0;
    boolean guided = !Double.isNaN(guidance);
    long i = from;
    for (; i + VL <= to; i += VL) {
      long at = 4 * i;
      FloatVector z = estimate(m, at);
      if (guided) {
        z = estimate(m, at + half).sub(z).fma(FloatVector.broadcast(S, (float) guidance), z);
      }
      FloatVector x = load(m.x(), at);
      FloatVector y = x.mul(b).add(z.mul(c));
      if (clipped) {
        float limit = (float) f.limit();
        FloatVector start = x.mul((float) f.p()).add(z.mul((float) f.q())).min(limit).max(-limit);
        y = y.add(start.mul((float) f.a()));
      }
      if (m.noise() != null) {
        y = y.add(load(m.noise(), at).mul((float) f.d()));
      }
      y.intoMemorySegment(m.out(), at, LE);
    }
    if (i < to) {
      rest.apply(factors, guidance, m, i, to);
    }
  }

  private static FloatVector estimate(Memory m, long at) {
    FloatVector z = load(m.z(), at);
    return m.residual() == null ? z : z.add(load(m.residual(), at));
  }

  private static FloatVector load(MemorySegment s, long at) {
    return FloatVector.fromMemorySegment(S, s, at, LE);
  }
}
