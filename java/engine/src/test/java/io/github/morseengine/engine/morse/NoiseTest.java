package io.github.morseengine.engine.morse;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** Normal numbers are those of Box and Muller's formula, wherever they are drawn. */
class NoiseTest {

  private static final long SEED = 0x1234_5678_9ABCL;

  private static float[] drawn(long from, int count, int picture, int draw) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(ValueLayout.JAVA_FLOAT, from + count);
      Noise.fill(out, from, count, SEED, picture, draw);
      float[] all = out.toArray(ValueLayout.JAVA_FLOAT);
      return Arrays.copyOfRange(all, (int) from, all.length);
    }
  }

  @Test
  void agreesWithTheFormulaInStrictArithmetic() {
    int count = 40_000;
    float[] numbers = drawn(0, count, 3, 7);
    int[] word = new int[4];
    for (int i = 0; i < count; i += 2) {
      if (i % 4 == 0) {
        Noise.philox(word, i / 4, 7, 3, (int) SEED, (int) (SEED >>> 32));
      }
      double u = (Integer.toUnsignedLong(word[i % 4]) + 0.5) * 0x1p-32;
      double angle = 2 * Math.PI * (Integer.toUnsignedLong(word[i % 4 + 1]) * 0x1p-32);
      double radius = StrictMath.sqrt(-2 * StrictMath.log(u));
      assertEquals(radius * StrictMath.cos(angle), numbers[i], 3e-7, "number " + i);
      assertEquals(radius * StrictMath.sin(angle), numbers[i + 1], 3e-7, "number " + (i + 1));
    }
  }

  @Test
  void seriesAreGoodToElevenDigits() {
    for (double x : new double[] {0.5 * 0x1p-32, 1e-5, 0.3, 0.70710, 0.70711, 0.9, 1 - 0x1p-33}) {
      assertEquals(StrictMath.log(x), Noise.ln(x), Math.abs(StrictMath.log(x)) * 1e-11);
    }
    for (double x = -Math.PI / 4; x <= Math.PI / 4; x += Math.PI / 64) {
      assertEquals(StrictMath.sin(x), Noise.sin(x), 1e-11);
      assertEquals(StrictMath.cos(x), Noise.cos(x), 1e-11);
    }
  }

  @Test
  void hasTheMomentsOfNormalNumbers() {
    double[] sums = new double[4];
    int count = 400_000;
    for (float x : drawn(0, count, 0, 0)) {
      for (int k = 0; k < sums.length; k++) {
        sums[k] += Math.pow(x, k + 1) / count;
      }
    }
    // Five standard deviations of each mean: sqrt of 1, 2, 15 and 96 over the count.
    double[] wanted = {0, 1, 0, 3};
    double[] variance = {1, 2, 15, 96};
    for (int k = 0; k < sums.length; k++) {
      assertEquals(wanted[k], sums[k], 5 * Math.sqrt(variance[k] / count), "moment " + (k + 1));
    }
  }

  @Test
  void dependsOnTheBlockAlone() {
    float[] whole = drawn(0, 64, 5, 1);
    assertArrayEquals(whole, drawn(100, 64, 5, 1));
    assertArrayEquals(Arrays.copyOf(whole, 63), drawn(0, 63, 5, 1));
  }
}
