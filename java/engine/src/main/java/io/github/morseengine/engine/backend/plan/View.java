package io.github.morseengine.engine.backend.plan;

import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Shapes;
import java.util.Arrays;

/**
 * A strided tensor in a {@link Slot}.
 *
 * @param slot where it lies
 * @param offset first element, in elements
 * @param dtype element type
 * @param shape logical dimensions, as in ONNX
 * @param strides distance in elements; 0 for a repeated dimension, canonical where the size is 1
 */
public record View(Slot slot, long offset, DType dtype, long[] shape, long[] strides) {

  /**
   * A row-major tensor at the start of a slot.
   *
   * @param slot where it lies
   * @param dtype element type
   * @param shape dimensions
   * @return the view
   */
  public static View dense(Slot slot, DType dtype, long[] shape) {
    return new View(slot, 0, dtype, shape, Shapes.strides(shape));
  }

  /** {@return the number of dimensions} */
  public int rank() {
    return shape.length;
  }

  /** {@return the number of elements} */
  public long elements() {
    return Shapes.elements(shape);
  }

  /**
   * Strides of a tensor whose channels (dimension 1) are innermost.
   *
   * @param shape dimensions
   * @return distances in elements
   */
  public static long[] channelsLast(long[] shape) {
    long[] out = new long[shape.length];
    out[1] = 1;
    long step = Math.max(1, shape[1]);
    for (int d = shape.length - 1; d >= 2; d--) {
      out[d] = step;
      step *= Math.max(1, shape[d]);
    }
    out[0] = step;
    return out;
  }

  /** {@return whether it is row-major without gaps} */
  public boolean isDense() {
    return has(Shapes.strides(shape));
  }

  /** {@return whether it is without gaps and its channels are innermost} */
  public boolean isChannelsLast() {
    return rank() >= 3 && has(channelsLast(shape));
  }

  /**
   * Whether the strides are these, dimensions of size 1 left out.
   *
   * @param wanted distances in elements
   * @return true if so
   */
  public boolean has(long[] wanted) {
    for (int d = 0; d < shape.length; d++) {
      if (shape[d] != 1 && strides[d] != wanted[d]) {
        return false;
      }
    }
    return true;
  }

  /** {@return whether the elements fill one block without gaps, in whatever order} */
  public boolean isPacked() {
    Integer[] order = order();
    long step = 1;
    for (int i = order.length - 1; i >= 0; i--) {
      int d = order[i];
      if (shape[d] != 1) {
        if (strides[d] != step) {
          return false;
        }
        step *= shape[d];
      }
    }
    return true;
  }

  /** {@return whether some dimension runs backwards, from its last element in memory on} */
  public boolean isReversed() {
    for (int d = 0; d < shape.length; d++) {
      if (shape[d] > 1 && strides[d] < 0) {
        return true;
      }
    }
    return false;
  }

  /** {@return the dimensions by decreasing stride} */
  public Integer[] order() {
    Integer[] order = new Integer[shape.length];
    Arrays.setAll(order, i -> i);
    Arrays.sort(
        order,
        (a, b) -> {
          long sa = shape[a] == 1 ? Long.MAX_VALUE : Math.abs(strides[a]);
          long sb = shape[b] == 1 ? Long.MAX_VALUE : Math.abs(strides[b]);
          return sa != sb ? Long.compare(sb, sa) : Integer.compare(a, b);
        });
    return order;
  }

  /** {@return packed strides in the same order of dimensions, for a result of one shape} */
  public long[] packedLike() {
    long[] out = new long[shape.length];
    long step = 1;
    Integer[] order = order();
    for (int i = order.length - 1; i >= 0; i--) {
      out[order[i]] = step;
      step *= Math.max(1, shape[order[i]]);
    }
    return out;
  }

  /**
   * The same elements with permuted dimensions.
   *
   * @param perm {@code out.dim(i) == in.dim(perm[i])}
   * @return the view
   */
  public View transpose(int... perm) {
    long[] s = new long[perm.length];
    long[] t = new long[perm.length];
    for (int i = 0; i < perm.length; i++) {
      s[i] = shape[perm[i]];
      t[i] = strides[perm[i]];
    }
    return new View(slot, offset, dtype, s, t);
  }

  /**
   * A part.
   *
   * @param start first index per dimension
   * @param step distance per dimension; may be negative
   * @param newShape number of indices per dimension
   * @return the view
   */
  public View slice(long[] start, long[] step, long[] newShape) {
    long at = offset;
    long[] t = new long[rank()];
    for (int d = 0; d < t.length; d++) {
      at += start[d] * strides[d];
      t[d] = step[d] * strides[d];
    }
    return new View(slot, at, dtype, newShape, t);
  }

  /**
   * The same elements with dimensions of 1 in front.
   *
   * @param rank number of dimensions wanted
   * @return the view
   */
  public View raise(int rank) {
    if (rank() == rank) {
      return this;
    }
    long[] s = new long[rank];
    long[] t = new long[rank];
    Arrays.fill(s, 1);
    Arrays.fill(t, Math.max(1, elements()));
    System.arraycopy(shape, 0, s, rank - rank(), rank());
    System.arraycopy(strides, 0, t, rank - rank(), rank());
    return new View(slot, offset, dtype, s, t);
  }

  /**
   * The same elements repeated along dimensions of size 1.
   *
   * @param to the broadcast shape
   * @return the view
   */
  public View expand(long[] to) {
    long[] t = new long[to.length];
    int shift = to.length - rank();
    for (int d = 0; d < rank(); d++) {
      t[d + shift] = shape[d] == 1 ? 0 : strides[d];
    }
    return new View(slot, offset, dtype, to, t);
  }

  /**
   * The same elements under another shape.
   *
   * @param to dimensions with the same number of elements
   * @return the view; null if that needs a copy
   */
  public View reshape(long[] to) {
    if (elements() == 0) {
      return new View(slot, offset, dtype, to, Shapes.strides(to));
    }
    long[] t = new long[to.length];
    int from = 0;
    int into = 0;
    while (from < rank() || into < to.length) {
      long a = from < rank() ? shape[from] : 1;
      long b = into < to.length ? to[into] : 1;
      int fromEnd = Math.min(from + 1, rank());
      int intoEnd = Math.min(into + 1, to.length);
      while (a != b) {
        if (a < b) {
          a *= shape[fromEnd++];
        } else {
          b *= to[intoEnd++];
        }
      }
      long step = mergedStride(from, fromEnd);
      if (step < 0) {
        return null;
      }
      for (int d = intoEnd - 1; d >= into; d--) {
        t[d] = step;
        step *= to[d];
      }
      from = fromEnd;
      into = intoEnd;
    }
    return new View(slot, offset, dtype, to, t);
  }

  /** Stride of dimensions [from, to) seen as one; -1 if they do not merge. */
  private long mergedStride(int from, int to) {
    long step = -1;
    long inner = 1;
    for (int d = to - 1; d >= from; d--) {
      if (shape[d] == 1) {
        continue;
      }
      if (step < 0) {
        step = strides[d];
        if (step < 0) {
          return -1;
        }
        inner = step * shape[d];
      } else if (strides[d] != inner) {
        return -1;
      } else {
        inner = strides[d] * shape[d];
      }
    }
    return step < 0 ? 1 : step;
  }

  @Override
  public String toString() {
    return dtype + Arrays.toString(shape) + " strides " + Arrays.toString(strides);
  }
}
