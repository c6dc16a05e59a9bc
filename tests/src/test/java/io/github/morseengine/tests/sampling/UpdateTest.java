package io.github.morseengine.tests.sampling;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.backend.SampleUpdate;
import io.github.morseengine.engine.backend.SampleUpdate.Factors;
import io.github.morseengine.engine.backend.SampleUpdate.Memory;
import io.github.morseengine.engine.backend.SampleUpdate.Store;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.tests.support.Compare;
import io.github.morseengine.tests.support.Runner;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The fused update against its reference and against hand-made numbers. */
class UpdateTest {

  /** Odd, and more than one chunk of the CPU's loops. */
  private static final int ELEMENTS = 3 * 1024 + 37;

  /**
   * Six products of numbers below 16 are added in float32, with rounding errors of half a unit
   * each: 6 * 16 * 6e-8, and twice that where guidance multiplies by 3.
   */
  private static final double TOLERANCE = 2e-5;

  private static Tensor random(long seed, int count) {
    Random random = new Random(seed);
    Tensor t = Tensor.allocate(DType.FLOAT32, count);
    for (int i = 0; i < count; i++) {
      t.setDouble(i, random.nextGaussian());
    }
    return t;
  }

  /** What an update wrote. */
  private record Written(Tensor out, List<Tensor> history) {}

  private static Written apply(String backend, Factors f, double guidance, boolean residual) {
    int wide = Double.isNaN(guidance) ? ELEMENTS : 2 * ELEMENTS;
    List<Tensor> history = new ArrayList<>();
    for (int k = 0; k < SampleUpdate.HISTORY; k++) {
      history.add(random(10 + k, ELEMENTS));
    }
    Tensor out = random(99, ELEMENTS);
    try (Engine engine = Runner.engine(backend)) {
      Memory m =
          new Memory(
              random(1, ELEMENTS).data(),
              random(2, wide).data(),
              residual ? random(3, wide).data() : null,
              f.g() == 0 ? null : random(4, ELEMENTS).data(),
              f.d() == 0 ? null : random(5, ELEMENTS).data(),
              history.stream().map(Tensor::data).toList(),
              out.data());
      engine.sampleUpdate().apply(f, guidance, m, 0, ELEMENTS);
    }
    return new Written(out, history);
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20})
  void theCpuAgreesWithTheReference(long seed) {
    Random r = new Random(seed);
    Factors f =
        new Factors(
            r.nextGaussian(),
            r.nextGaussian(),
            r.nextBoolean() ? 0.7 : Double.POSITIVE_INFINITY,
            some(r),
            some(r),
            some(r),
            some(r),
            some(r),
            some(r),
            some(r),
            some(r),
            new Store(r.nextInt(4) - 1, some(r), some(r), some(r)));
    double guidance = r.nextBoolean() ? 3 : Double.NaN;
    boolean residual = r.nextBoolean();
    Written expected = apply("reference", f, guidance, residual);
    Written actual = apply("cpu", f, guidance, residual);
    Compare.close(expected.out(), actual.out(), TOLERANCE, "sample with " + f);
    for (int k = 0; k < SampleUpdate.HISTORY; k++) {
      Tensor e = expected.history().get(k);
      Compare.close(e, actual.history().get(k), TOLERANCE, "history " + k + " with " + f);
    }
  }

  private static double some(Random r) {
    return r.nextBoolean() ? r.nextGaussian() : 0;
  }

  @ParameterizedTest
  @ValueSource(strings = {"cpu", "reference"})
  void everyTermCounts(String backend) {
    Store store = new Store(1, 3, 5, 7);
    Factors f = new Factors(2, 1, 1.5, 10, 0.5, 0.25, 100, 0.125, 1000, 10_000, 0, store);
    MemorySegment[] history = {of(1), of(2), of(3)};
    MemorySegment x = of(-2);
    // e = (1 + 1, 4 + 4), z = 2 + 2 * (8 - 2) + 0.125 * 16 = 16, x0 = min(-4 + 16, 1.5)
    Memory m = new Memory(x, of(1, 4), of(1, 4), of(16), of(-1), List.of(history), x);
    try (Engine engine = Runner.engine(backend)) {
      engine.sampleUpdate().apply(f, 2, m, 0, 1);
    }
    assertEquals(15 - 1 + 4 - 100 + 1000 + 20_000, value(x));
    assertEquals(1, value(history[0]));
    assertEquals(3 * -2 + 5 * 1.5 + 7 * 16, value(history[1]));
    assertEquals(3, value(history[2]));
  }

  @Test
  void whereNothingIsCutTheEstimateOfTheStartVanishes() {
    Factors f =
        Factors.of(2, 3, Double.POSITIVE_INFINITY, 5, 7, 11, 0).withStore(new Store(0, 1, 2, 3));
    Factors c = f.collapsed();
    assertTrue(f.needsStart() && !c.needsStart());
    assertEquals(Factors.of(0, 0, Double.POSITIVE_INFINITY, 0, 17, 26, 0), without(c));
    assertEquals(new Store(0, 5, 0, 9), c.store());
    Factors cut = Factors.of(2, 3, 1, 5, 7, 11, 0);
    assertEquals(cut, cut.collapsed());
  }

  private static Factors without(Factors f) {
    return f.withStore(Store.NOTHING);
  }

  private static MemorySegment of(float... values) {
    return Tensor.ofFloats(values, values.length).data();
  }

  private static double value(MemorySegment m) {
    return m.get(java.lang.foreign.ValueLayout.JAVA_FLOAT, 0);
  }
}
