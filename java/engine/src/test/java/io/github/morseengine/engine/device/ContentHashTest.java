package io.github.morseengine.engine.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashSet;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ContentHashTest {

  private static byte[] random(int size) {
    byte[] data = new byte[size];
    new Random(size).nextBytes(data);
    return data;
  }

  /** Sizes around a word, a lane, a piece of 4 MiB, and several of them. */
  @ParameterizedTest
  @ValueSource(ints = {0, 1, 31, 33, 70_001, 1 << 22, (1 << 22) + 1, (3 << 22) + 12_345})
  void theOrderOfThePartsDoesNotMatter(int size) {
    MemorySegment data = MemorySegment.ofArray(random(size));
    ContentHash backwards =
        ContentHash.of(
            data, (n, part) -> IntStream.range(0, n).map(i -> n - 1 - i).forEach(part::accept));
    ContentHash atOnce =
        ContentHash.of(data, (n, part) -> IntStream.range(0, n).parallel().forEach(part));
    assertEquals(ContentHash.of(data), backwards);
    assertEquals(ContentHash.of(data), atOnce);
    assertEquals(size, backwards.bytes());
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 40, 70_001, (1 << 22) + 9})
  void everyByteCounts(int size) {
    byte[] data = random(size);
    MemorySegment segment = MemorySegment.ofArray(data);
    Set<ContentHash> seen = new HashSet<>(Set.of(ContentHash.of(segment)));
    int[] places = {0, size / 2, size - 1};
    for (int at : places) {
      data[at] ^= 1;
      seen.add(ContentHash.of(segment));
      data[at] ^= 1;
    }
    assertEquals(1 + (int) IntStream.of(places).distinct().count(), seen.size());
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 100, 16_384, 1 << 20})
  void aSampleSeesBothEndsAndTheSize(int size) {
    MemorySegment data = MemorySegment.ofArray(new byte[size]);
    ContentHash before = ContentHash.ofSample(data);
    assertEquals(size, before.bytes());
    assertNotEquals(before, ContentHash.ofSample(MemorySegment.ofArray(new byte[size + 1])));
    for (int at : size == 0 ? new int[0] : new int[] {0, size - 1}) {
      data.set(ValueLayout.JAVA_BYTE, at, (byte) 1);
      assertNotEquals(before, ContentHash.ofSample(data));
      data.set(ValueLayout.JAVA_BYTE, at, (byte) 0);
    }
    assertEquals(before, ContentHash.ofSample(data));
  }
}
