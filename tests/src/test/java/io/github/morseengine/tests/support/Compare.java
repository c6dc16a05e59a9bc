package io.github.morseengine.tests.support;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.fail;

import io.github.morseengine.engine.tensor.Tensor;
import java.lang.foreign.MemorySegment;

/** Assertions on tensors. */
public final class Compare {

  private Compare() {}

  /**
   * Asserts equal type and shape, and elements within a bound.
   *
   * @param expected what it should be
   * @param actual what it is
   * @param tolerance largest absolute difference
   * @param what for the message
   */
  public static void close(Tensor expected, Tensor actual, double tolerance, String what) {
    assertEquals(expected.dtype(), actual.dtype(), what + ": type");
    assertArrayEquals(expected.shape(), actual.shape(), what + ": shape");
    double worst = 0;
    long at = -1;
    for (long i = 0; i < expected.elements(); i++) {
      double e = expected.getDouble(i);
      double a = actual.getDouble(i);
      double difference = Double.compare(e, a) == 0 ? 0 : Math.abs(e - a);
      if (Double.isNaN(difference)) {
        difference = Double.POSITIVE_INFINITY;
      }
      if (difference > worst) {
        worst = difference;
        at = i;
      }
    }
    if (worst > tolerance) {
      fail(
          what
              + ": element "
              + at
              + " of "
              + actual
              + " is "
              + actual.getDouble(at)
              + ", expected "
              + expected.getDouble(at)
              + " within "
              + tolerance);
    }
  }

  /**
   * Asserts equal type and shape, and elements as numpy's allclose does; NaN equals NaN.
   *
   * @param expected what it should be
   * @param actual what it is
   * @param rtol bound relative to the expected element
   * @param atol absolute bound, added to it
   * @param what for the message
   */
  public static void close(Tensor expected, Tensor actual, double rtol, double atol, String what) {
    assertEquals(expected.dtype(), actual.dtype(), what + ": type");
    assertArrayEquals(expected.shape(), actual.shape(), what + ": shape");
    for (long i = 0; i < expected.elements(); i++) {
      double e = expected.getDouble(i);
      double a = actual.getDouble(i);
      boolean equal = e == a || Double.isNaN(e) && Double.isNaN(a);
      if (!equal && !(Math.abs(e - a) <= atol + rtol * Math.abs(e))) {
        fail(what + ": element " + i + " of " + actual + " is " + a + ", expected " + e);
      }
    }
  }

  /**
   * Root of the mean squared difference over that of the expected values.
   *
   * @param expected what it should be
   * @param actual what it is
   * @return the relative error
   */
  public static double relativeRms(Tensor expected, Tensor actual) {
    assertArrayEquals(expected.shape(), actual.shape());
    double difference = 0;
    double norm = 0;
    for (long i = 0; i < expected.elements(); i++) {
      double d = expected.getDouble(i) - actual.getDouble(i);
      difference += d * d;
      norm += expected.getDouble(i) * expected.getDouble(i);
    }
    return Math.sqrt(difference / norm);
  }

  /**
   * Asserts equal bytes.
   *
   * @param expected what it should be
   * @param actual what it is
   * @param what for the message
   */
  public static void identical(Tensor expected, Tensor actual, String what) {
    assertArrayEquals(expected.shape(), actual.shape(), what + ": shape");
    assertEquals(
        -1,
        MemorySegment.mismatch(
            expected.data(), 0, expected.byteSize(), actual.data(), 0, actual.byteSize()),
        what + ": first different byte");
  }

  /**
   * Copies a tensor, since outputs of a session live only until its next run.
   *
   * @param t a tensor
   * @return a copy
   */
  public static Tensor copy(Tensor t) {
    Tensor out = Tensor.allocate(t.dtype(), t.shape());
    out.data().copyFrom(t.data());
    return out;
  }
}
