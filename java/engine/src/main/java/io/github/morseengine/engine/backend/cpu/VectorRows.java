package io.github.morseengine.engine.backend.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** Row loops with the widest vectors of the processor. */
final class VectorRows implements RowKernels {

  private static final VectorSpecies<Float> S = FloatVector.SPECIES_PREFERRED;
  private static final int VL = S.length();
  private static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;
  private static final ValueLayout.OfFloat F = ValueLayout.JAVA_FLOAT;

  @Override
  public String label() {
    return "vector";
  }

  @Override
  public void sums(
      MemorySegment x,
      long base,
      int rows,
      int width,
      int from,
      int to,
      float[] shift,
      float[] sum,
      float[] squares) {
    long step = 4L * width;
    int c = from;
    // Two vectors at a time fill a cache line and hide the latency of the additions.
    for (; c + 2 * VL <= to; c += 2 * VL) {
      FloatVector k0 = FloatVector.fromArray(S, shift, c);
      FloatVector k1 = FloatVector.fromArray(S, shift, c + VL);
      FloatVector s0 = FloatVector.zero(S);
      FloatVector s1 = FloatVector.zero(S);
      FloatVector q0 = FloatVector.zero(S);
      FloatVector q1 = FloatVector.zero(S);
      long at = base + 4L * c;
      for (int r = 0; r < rows; r++, at += step) {
        FloatVector d0 = FloatVector.fromMemorySegment(S, x, at, LE).sub(k0);
        FloatVector d1 = FloatVector.fromMemorySegment(S, x, at + 4L * VL, LE).sub(k1);
        s0 = s0.add(d0);
        s1 = s1.add(d1);
        q0 = d0.fma(d0, q0);
        q1 = d1.fma(d1, q1);
      }
      s0.intoArray(sum, c);
      s1.intoArray(sum, c + VL);
      q0.intoArray(squares, c);
      q1.intoArray(squares, c + VL);
    }
    for (; c + VL <= to; c += VL) {
      FloatVector k = FloatVector.fromArray(S, shift, c);
      FloatVector s = FloatVector.zero(S);
      FloatVector q = FloatVector.zero(S);
      long at = base + 4L * c;
      for (int r = 0; r < rows; r++, at += step) {
        FloatVector d = FloatVector.fromMemorySegment(S, x, at, LE).sub(k);
        s = s.add(d);
        q = d.fma(d, q);
      }
      s.intoArray(sum, c);
      q.intoArray(squares, c);
    }
    for (; c < to; c++) {
      float s = 0;
      float q = 0;
      long at = base + 4L * c;
      for (int r = 0; r < rows; r++, at += step) {
        float d = x.get(F, at) - shift[c];
        s += d;
        q += d * d;
      }
      sum[c] = s;
      squares[c] = q;
    }
  }

  @Override
  public void affine(
      MemorySegment x,
      MemorySegment y,
      long base,
      int rows,
      int width,
      int from,
      int to,
      float[] a,
      float[] b,
      boolean silu) {
    int end = from + (to - from) / VL * VL;
    for (int r = 0; r < rows; r++) {
      long row = base + 4L * r * width;
      long at = row + 4L * from;
      if (silu) {
        for (int c = from; c < end; c += VL, at += 4L * VL) {
          FloatVector v =
              FloatVector.fromMemorySegment(S, x, at, LE)
                  .fma(FloatVector.fromArray(S, a, c), FloatVector.fromArray(S, b, c));
          v.div(exp(v.neg()).add(1f)).intoMemorySegment(y, at, LE);
        }
      } else {
        for (int c = from; c < end; c += VL, at += 4L * VL) {
          FloatVector.fromMemorySegment(S, x, at, LE)
              .fma(FloatVector.fromArray(S, a, c), FloatVector.fromArray(S, b, c))
              .intoMemorySegment(y, at, LE);
        }
      }
      for (int c = end; c < to; c++) {
        float v = Math.fma(x.get(F, row + 4L * c), a[c], b[c]);
        y.set(F, row + 4L * c, silu ? ScalarRows.silu(v) : v);
      }
    }
  }

  /**
   * Exponential: 2^n times a polynomial on [-ln2/2, ln2/2] (coefficients of Cephes' expf), relative
   * error below 2e-7; arguments are cut to [-87, 88].
   */
  static FloatVector exp(FloatVector v) {
    FloatVector x = v.max(-87f).min(88f);
    // Adding and subtracting 1.5 * 2^23 rounds to the nearest integer.
    FloatVector n = x.mul(1.44269504f).add(12582912f).sub(12582912f);
    FloatVector r = n.fma(FloatVector.broadcast(S, -0.693359375f), x);
    r = n.fma(FloatVector.broadcast(S, 2.12194440e-4f), r);
    FloatVector p = FloatVector.broadcast(S, 1.9875691500e-4f);
    p = p.fma(r, FloatVector.broadcast(S, 1.3981999507e-3f));
    p = p.fma(r, FloatVector.broadcast(S, 8.3334519073e-3f));
    p = p.fma(r, FloatVector.broadcast(S, 4.1665795894e-2f));
    p = p.fma(r, FloatVector.broadcast(S, 1.6666665459e-1f));
    p = p.fma(r, FloatVector.broadcast(S, 5.0000001201e-1f));
    p = p.fma(r.mul(r), r).add(1f);
    IntVector e = (IntVector) n.convert(VectorOperators.F2I, 0);
    return p.mul(e.add(127).lanewise(VectorOperators.LSHL, 23).reinterpretAsFloats());
  }
}
