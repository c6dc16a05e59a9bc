package io.github.morseengine.engine.device;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;

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

  /** How much is hashed at a time; more than one piece can be hashed by several threads. */
  private static final long PIECE = 1 << 22;

  /** Places at which a sample looks, and how many bytes at each. */
  private static final int SAMPLES = 64;

  private static final long SAMPLE = 256;

  /** Does numbered parts of some work, in any order or at once, and waits for them. */
  @FunctionalInterface
  public interface Parts {

    /**
     * Does them.
     *
     * @param count number of parts
     * @param part does one, by its number
     */
    void run(int count, IntConsumer part);
  }

  /**
   * Hashes memory.
   *
   * @param data the bytes
   * @return the hash
   */
  public static ContentHash of(MemorySegment data) {
    return of(data, (count, part) -> IntStream.range(0, count).forEach(part));
  }

  /**
   * Hashes memory in parts.
   *
   * @param data the bytes
   * @param parts does the parts
   * @return the hash, the same however the parts are done
   */
  public static ContentHash of(MemorySegment data, Parts parts) {
    long n = data.byteSize();
    if (n <= PIECE) {
      return piece(data);
    }
    int count = Math.toIntExact((n + PIECE - 1) / PIECE);
    long[] hashes = new long[2 * count];
    parts.run(
        count,
        i -> {
          ContentHash hash = piece(data.asSlice(i * PIECE, Math.min(PIECE, n - i * PIECE)));
          hashes[2 * i] = hash.high;
          hashes[2 * i + 1] = hash.low;
        });
    ContentHash all = piece(MemorySegment.ofArray(hashes));
    return new ContentHash(all.high, all.low, n);
  }

  /**
   * Hashes some of the bytes, spread over all of them: for looking up what is compared afterwards.
   *
   * @param data the bytes
   * @return a hash with the number of all bytes
   */
  public static ContentHash ofSample(MemorySegment data) {
    long n = data.byteSize();
    if (n <= SAMPLES * SAMPLE) {
      return piece(data);
    }
    MemorySegment sample = MemorySegment.ofArray(new byte[(int) (SAMPLES * SAMPLE)]);
    for (int i = 0; i < SAMPLES; i++) {
      MemorySegment.copy(data, (n - SAMPLE) / (SAMPLES - 1) * i, sample, i * SAMPLE, SAMPLE);
    }
    ContentHash some = piece(sample);
    return new ContentHash(some.high, some.low, n);
  }

  private static ContentHash piece(MemorySegment data) {
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
