package io.github.morseengine.engine.morse;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Normal numbers by position: Philox4x32-10 (Salmon et al. 2011) and Box-Muller. Each picture has a
 * stream of its own, so that its noise depends neither on the batch nor on the order of drawing.
 * Logarithm, sine and cosine are series in plain double arithmetic: the same on every machine, and
 * several times as fast as StrictMath, whose answers they share but for the last bit of a float32.
 * Stateless.
 */
public final class Noise {

  private static final int ROUNDS = 10;
  private static final long M0 = 0xD2511F53L;
  private static final long M1 = 0xCD9E8D57L;
  private static final int W0 = 0x9E3779B9;
  private static final int W1 = 0xBB67AE85;
  private static final long ROOT_HALF = Double.doubleToRawLongBits(Math.sqrt(0.5));
  private static final double LN_2 = 0.6931471805599453;

  /** An eighth of a turn is the largest angle of the series; words count turns from 0 to 2^32. */
  private static final int EIGHTH = 1 << 29;

  private static final double TO_RADIANS = Math.PI * 0x1p-31;

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
        double radius = Math.sqrt(-2 * ln((Integer.toUnsignedLong(word[k]) + 0.5) * 0x1p-32));
        int quarters = word[k + 1] + EIGHTH >>> 30;
        double angle = (word[k + 1] - (quarters << 30)) * TO_RADIANS;
        double sine = radius * sin(angle);
        double cosine = radius * cos(angle);
        // Each quarter of a turn makes (cos, sin) of it (-sin, cos).
        boolean odd = (quarters & 1) != 0;
        double first = odd ? -sine : cosine;
        double second = odd ? cosine : sine;
        boolean back = (quarters & 2) != 0;
        set(out, from + i + k, back ? -first : first);
        if (i + k + 1 < count) {
          set(out, from + i + k + 1, back ? -second : second);
        }
      }
    }
  }

  private static void set(MemorySegment out, long index, double value) {
    out.setAtIndex(ValueLayout.JAVA_FLOAT, index, (float) value);
  }

  /**
   * The natural logarithm of a normal positive number: 2 artanh((m - 1) / (m + 1)) of its mantissa
   * m between sqrt(1/2) and sqrt(2), to 1e-12.
   */
  static double ln(double x) {
    long above = Double.doubleToRawLongBits(x) - ROOT_HALF;
    long exponent = above >> 52;
    double m = Double.longBitsToDouble((above & 0xFFFFFFFFFFFFFL) + ROOT_HALF);
    double s = (m - 1) / (m + 1);
    double q = s * s;
    double tail = 1.0 / 7 + q * (1.0 / 9 + q * (1.0 / 11 + q * (1.0 / 13)));
    return exponent * LN_2 + 2 * s * (1 + q * (1.0 / 3 + q * (1.0 / 5 + q * tail)));
  }

  /** The sine of -pi/4 to pi/4 to 1e-11, as its series up to the eleventh power. */
  static double sin(double x) {
    double q = x * x;
    double tail = 1.0 / 120 + q * (-1.0 / 5040 + q * (1.0 / 362880 - q * (1.0 / 39916800)));
    return x * (1 + q * (-1.0 / 6 + q * tail));
  }

  /** The cosine of -pi/4 to pi/4 to 1e-11, as its series up to the twelfth power. */
  static double cos(double x) {
    double q = x * x;
    double tail = 1.0 / 40320 + q * (-1.0 / 3628800 + q * (1.0 / 479001600));
    return 1 + q * (-1.0 / 2 + q * (1.0 / 24 + q * (-1.0 / 720 + q * tail)));
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
