package io.github.morseengine.engine.device;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * A 128-bit hash of bytes, fast enough to run over every weight while it is being read: four lanes
 * of multiply-rotate mixing as in xxHash, finished by two different avalanches. Not for use against
 * an adversary.
 *
 * @param high upper half
 * @param low lower half
 * @param bytes number of bytes
 */
public record ContentHash(long high, long low, long bytes) {

  private static final ValueLayout.OfLong WORD =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Words hashed at a time; a multiple of four. */
  private static final int CHUNK = 4096;

  private static final long P1 = 0x9E3779B185EBCA87L;
  private static final long P2 = 0xC2B2AE3D27D4EB4FL;
  private static final long P3 = 0x165667B19E3779F9L;

  /**
   * Hashes memory.
   *
   * @param data the bytes
   * @return the hash
   */
  public static ContentHash of(MemorySegment data) {
    long n = data.byteSize();
    long a = P1 + P2;
    long b = P2;
    long c = P3;
    long d = -P1;
    long i = 0;
    // Through the heap: a fresh JVM interprets loops over arrays much faster than over segments.
    long[] words = new long[(int) Math.min(CHUNK, n / 32 * 4)];
    while (i + 32 <= n) {
      int count = (int) Math.min(words.length, (n - i) / 32 * 4);
      MemorySegment.copy(data, WORD, i, words, 0, count);
      for (int k = 0; k < count; k += 4) {
        a = Long.rotateLeft(a + words[k] * P2, 31) * P1;
        b = Long.rotateLeft(b + words[k + 1] * P2, 29) * P1;
        c = Long.rotateLeft(c + words[k + 2] * P2, 27) * P1;
        d = Long.rotateLeft(d + words[k + 3] * P2, 33) * P1;
      }
      i += 8L * count;
    }
    for (; i < n; i++) {
      a = Long.rotateLeft(a ^ (data.get(ValueLayout.JAVA_BYTE, i) + 257L) * P3, 11) * P2;
    }
    long low = avalanche(a ^ Long.rotateLeft(b, 7) ^ Long.rotateLeft(c, 18) ^ n);
    long high = avalanche(d * P3 + Long.rotateLeft(a, 41) + b * P1 + (c ^ low));
    return new ContentHash(high, low, n);
  }

  private static long avalanche(long h) {
    h = (h ^ h >>> 33) * P2;
    h = (h ^ h >>> 29) * P3;
    return h ^ h >>> 32;
  }
}
