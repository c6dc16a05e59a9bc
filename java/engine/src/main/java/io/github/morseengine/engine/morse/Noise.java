package io.github.morseengine.engine.morse;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Normal numbers by position: Philox4x32-10 (Salmon et al. 2011) and Box-Muller. Each picture has a
 * stream of its own, so that its noise depends neither on the batch nor on the order of drawing,
 * and strict arithmetic makes it the same on every machine. Stateless.
 */
public final class Noise {

  private static final int ROUNDS = 10;
  private static final long M0 = 0xD2511F53L;
  private static final long M1 = 0xCD9E8D57L;
  private static final int W0 = 0x9E3779B9;
  private static final int W1 = 0xBB67AE85;
  private static final double TO_UNIT = 0x1p-32;

  private Noise() {}

  /**
   * Fills memory with normal numbers of mean 0 and variance 1.
   *
   * @param out float32
   * @param from first element to fill
   * @param count elements to fill
   * @param seed the request's seed
   * @param picture index of the picture within the request
   * @param draw 0 for the initial sample, i + 1 for step i
   */
  public static void fill(
      MemorySegment out, long from, long count, long seed, int picture, int draw) {
    int[] word = new int[4];
    for (long i = 0; i < count; i += 4) {
      philox(word, (int) (i >>> 2), draw, picture, (int) seed, (int) (seed >>> 32));
      for (int k = 0; k < 4 && i + k < count; k += 2) {
        // The half keeps the logarithm finite.
        double u = (Integer.toUnsignedLong(word[k]) + 0.5) * TO_UNIT;
        double v = Integer.toUnsignedLong(word[k + 1]) * TO_UNIT;
        double radius = StrictMath.sqrt(-2 * StrictMath.log(u));
        double angle = 2 * Math.PI * v;
        set(out, from + i + k, radius * StrictMath.cos(angle));
        if (i + k + 1 < count) {
          set(out, from + i + k + 1, radius * StrictMath.sin(angle));
        }
      }
    }
  }

  private static void set(MemorySegment out, long index, double value) {
    out.setAtIndex(ValueLayout.JAVA_FLOAT, index, (float) value);
  }

  /** One block: counter (block, draw, picture, 0) under a key of 64 bits. */
  static void philox(int[] out, int block, int draw, int picture, int key0, int key1) {
    int c0 = block;
    int c1 = draw;
    int c2 = picture;
    int c3 = 0;
    int k0 = key0;
    int k1 = key1;
    for (int round = 0; round < ROUNDS; round++) {
      long p0 = M0 * Integer.toUnsignedLong(c0);
      long p1 = M1 * Integer.toUnsignedLong(c2);
      int n0 = (int) (p1 >>> 32) ^ c1 ^ k0;
      int n2 = (int) (p0 >>> 32) ^ c3 ^ k1;
      c1 = (int) p1;
      c3 = (int) p0;
      c0 = n0;
      c2 = n2;
      k0 += W0;
      k1 += W1;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
  }
}
