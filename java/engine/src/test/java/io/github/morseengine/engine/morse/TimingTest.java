package io.github.morseengine.engine.morse;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

/** What a step of Dot costs on average. */
class TimingTest {

  private static double dot(String schedule, double... ms) {
    Timing timing = new Timing(ms.length);
    for (int i = 0; i < ms.length; i++) {
      // One of three batches was disturbed.
      for (double factor : new double[] {1, 100, 1}) {
        timing.add(i, (long) (ms[i] * factor * 1e6));
      }
    }
    return timing.dot(Schedule.parse(schedule));
  }

  @Test
  void theFirstBehindDashCountsAsOftenAsItComes() {
    assertEquals((3 + 1 + 1 + 1 + 3 + 1) / 6.0, dot("DKKKKDKK", 20, 3, 1, 1, 1, 20, 3, 1), 1e-9);
    assertEquals(3, dot("DKDK", 20, 3, 20, 3), 1e-9);
    assertEquals(0, dot("DD", 20, 20), 1e-9);
  }

  @Test
  void oneStepThatWasDisturbedDoesNotCount() {
    assertEquals((3 + 3 * 1) / 4.0, dot("DKKKK", 20, 3, 1, 50, 1), 1e-9);
  }
}
