package io.github.morseengine.cli;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class WarmUpTest {

  @Test
  void endsWhenNoRunIsMuchFasterAnyMore() {
    WarmUp warm = new WarmUp(3);
    assertFalse(warm.done());
    for (double time : new double[] {10, 9.9, 12, 9, 8.9, 8.8}) {
      warm.add(time);
      assertFalse(warm.done(), "9 was a tenth faster, two runs ago");
    }
    warm.add(20);
    assertTrue(warm.done());
    warm.add(5);
    assertFalse(warm.done(), "faster again");
  }
}
