package io.github.morseengine.engine.tensor;

import io.github.morseengine.engine.error.InvalidInputException;
import java.util.Arrays;

/** Arithmetic on shapes: dense row-major dimensions, outermost first. */
public final class Shapes {

  private Shapes() {}

  /**
   * Multiplies the dimensions; zero dimensions are legal.
   *
   * @param shape dimensions
   * @return number of elements
   * @throws InvalidInputException if a dimension is negative or the product overflows
   */
  public static long elements(long... shape) {
    long product = 1;
    boolean empty = false;
    for (long d : shape) {
      if (d < 0) {
        throw new InvalidInputException(
            "negative dimension in shape " + Arrays.toString(shape) + ": give sizes >= 0");
      }
      empty |= d == 0;
    }
    if (empty) {
      return 0;
    }
    for (long d : shape) {
      long high = Math.multiplyHigh(product, d);
      product *= d;
      if (high != 0 || product < 0) {
        throw new InvalidInputException(
            "shape " + Arrays.toString(shape) + " has more than 2^63 elements");
      }
    }
    return product;
  }

  /**
   * Row-major strides.
   *
   * @param shape dimensions
   * @return distance in elements between neighbours, per dimension
   */
  public static long[] strides(long... shape) {
    long[] strides = new long[shape.length];
    long step = 1;
    for (int i = shape.length - 1; i >= 0; i--) {
      strides[i] = step;
      step *= Math.max(1, shape[i]);
    }
    return strides;
  }

  /**
   * Broadcasts two shapes by the rule of numpy and ONNX.
   *
   * @param a one shape
   * @param b the other
   * @return the common shape, or null if they do not broadcast
   */
  public static long[] broadcast(long[] a, long[] b) {
    int rank = Math.max(a.length, b.length);
    long[] out = new long[rank];
    for (int i = 0; i < rank; i++) {
      int ia = i - (rank - a.length);
      int ib = i - (rank - b.length);
      long da = ia < 0 ? 1 : a[ia];
      long db = ib < 0 ? 1 : b[ib];
      if (da != db && da != 1 && db != 1) {
        return null;
      }
      out[i] = da == 1 ? db : da;
    }
    return out;
  }

  /**
   * Resolves a possibly negative axis.
   *
   * @param axis axis in [-rank, rank)
   * @param rank number of dimensions
   * @return axis in [0, rank)
   * @throws InvalidInputException if it lies outside
   */
  public static int axis(long axis, int rank) {
    long resolved = axis < 0 ? axis + rank : axis;
    if (resolved < 0 || resolved >= rank) {
      throw new InvalidInputException("axis " + axis + " is outside a tensor of rank " + rank);
    }
    return (int) resolved;
  }
}
