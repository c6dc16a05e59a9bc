package io.github.morseengine.engine.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class WeightStoreTest {

  private static final int BYTES = 1 << 20;

  private final WeightStore store = new WeightStore();
  private final AtomicInteger packed = new AtomicInteger();
  private final byte[] content = new byte[BYTES];

  private WeightStore.Weight acquire(int source) {
    return store.acquire(
        new ContentHash(source, 0, 1),
        "recipe",
        "layout",
        BYTES,
        to -> {
          packed.incrementAndGet();
          to.copyFrom(MemorySegment.ofArray(content));
        });
  }

  @Test
  void packsOnceAndHoldsEqualContentOnce() {
    WeightStore.Weight first = acquire(1);
    WeightStore.Weight again = acquire(1);
    assertEquals(1, packed.get());
    WeightStore.Weight elsewhere = acquire(2);
    assertEquals(2, packed.get());
    assertEquals(BYTES, store.bytes());
    assertEquals(first.id(), again.id());
    assertEquals(first.id(), elsewhere.id());
    assertEquals(0, first.data().address() % 64);
    first.close();
    again.close();
    assertEquals(BYTES, store.bytes());
    elsewhere.close();
    assertEquals(0, store.bytes());
  }

  /** Every byte is compared, also those that no sample looks at. */
  @Test
  void differentContentOfEqualSamplesIsHeldTwice() {
    WeightStore.Weight zeros = acquire(1);
    int unseen = 0;
    byte[] one = new byte[BYTES];
    for (int i = 0; i < BYTES && unseen == 0; i += 997) {
      one[i] = 1;
      boolean same =
          ContentHash.ofSample(MemorySegment.ofArray(one))
              .equals(ContentHash.ofSample(MemorySegment.ofArray(content)));
      unseen = same ? i : 0;
      one[i] = 0;
    }
    content[unseen] = 1;
    WeightStore.Weight other = acquire(2);
    assertNotEquals(0, unseen);
    assertNotEquals(zeros.id(), other.id());
    assertEquals(2L * BYTES, store.bytes());
    zeros.close();
    other.close();
    assertEquals(0, store.bytes());
  }

  @Test
  void whatCannotBePackedLeavesNothing() {
    Arrays.fill(content, (byte) 3);
    assertThrows(
        IllegalStateException.class,
        () ->
            store.acquire(
                new ContentHash(1, 0, 1),
                "recipe",
                "layout",
                BYTES,
                to -> {
                  throw new IllegalStateException();
                }));
    assertEquals(0, store.bytes());
    WeightStore.Weight next = acquire(1);
    assertEquals(BYTES, store.bytes());
    next.close();
  }
}
