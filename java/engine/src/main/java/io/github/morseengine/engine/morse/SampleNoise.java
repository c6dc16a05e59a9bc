package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Noise of a batch, given or drawn, and the first sample that is made of it; keeps the first
 * sample's noise for what is put back around a mask. For one thread at a time.
 */
final class SampleNoise {

  private final Tensor noise;
  private final Tensor initial;

  /** Room for noise of this shape. */
  SampleNoise(long[] sample) {
    noise = Tensor.allocate(DType.FLOAT32, sample);
    initial = Tensor.allocate(DType.FLOAT32, sample);
  }

  /** Noise at the first step's scale, or a picture with the noise of the first step. */
  void start(Batch b, MemorySegment x) {
    MemorySegment drawn = initial.data().asSlice(0, x.byteSize());
    Tensor given = b.request().noise();
    if (given != null) {
      long at = x.byteSize() * b.first() / b.size();
      MemorySegment.copy(given.data(), at, drawn, 0, x.byteSize());
    } else {
      draw(b, drawn, 0);
    }
    GivenStart start = b.request().start();
    if (start != null && (start.skip() > 0 || start.mask() == null)) {
      noised(b, 0, x, false);
    } else {
      scale(drawn, b.table().initialScale() * b.table().scale(0), x);
    }
  }

  /** Puts back what lies outside the mask, as noisy as step i expects it. */
  void blend(Batch b, int i, MemorySegment x) {
    if (b.request().start() != null && b.request().start().mask() != null) {
      noised(b, i, x, true);
    }
  }

  /** The given picture at the noise of step i; behind the last step without noise. */
  private void noised(Batch b, int i, MemorySegment x, boolean masked) {
    GivenStart start = b.request().start();
    double of = b.signal(i);
    double with = b.noise(i);
    long picture = x.byteSize() / 4 / b.size();
    for (long k = 0; k < x.byteSize() / 4; k++) {
      long row = b.first() + k / picture;
      double known =
          of * start.clean(row, k % picture, picture)
              + with * initial.data().getAtIndex(ValueLayout.JAVA_FLOAT, k);
      double drawn = masked ? start.drawn(row, k % picture) : 0;
      double now = drawn == 0 ? 0 : x.getAtIndex(ValueLayout.JAVA_FLOAT, k);
      x.setAtIndex(ValueLayout.JAVA_FLOAT, k, (float) (drawn * now + (1 - drawn) * known));
    }
  }

  /** Fresh noise of a step, valid until the next call. */
  MemorySegment ofStep(Batch b, int step, long bytes) {
    MemorySegment out = noise.data().asSlice(0, bytes);
    Tensor given = b.request().stepNoise();
    if (given != null) {
      long picture = bytes / b.size();
      long at = (step * given.dim(1) + b.first()) * picture;
      MemorySegment.copy(given.data(), at, out, 0, bytes);
    } else {
      draw(b, out, step + 1);
    }
    return out;
  }

  private static void draw(Batch b, MemorySegment out, int draw) {
    long picture = out.byteSize() / 4 / b.size();
    for (int k = 0; k < b.size(); k++) {
      Noise.fill(out, k * picture, picture, b.request().seed(), b.first() + k, draw);
    }
  }

  /** {@code to = factor * from}, float32. */
  static void scale(MemorySegment from, double factor, MemorySegment to) {
    if (factor == 1) {
      if (from != to) {
        to.copyFrom(from);
      }
      return;
    }
    for (long i = 0; i < from.byteSize() / 4; i++) {
      float v = from.getAtIndex(ValueLayout.JAVA_FLOAT, i);
      to.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) (v * factor));
    }
  }
}
