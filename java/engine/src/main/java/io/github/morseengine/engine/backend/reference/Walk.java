package io.github.morseengine.engine.backend.reference;

import io.github.morseengine.engine.tensor.Shapes;

/** Visits the elements of a tensor in the row-major order of a shape that it broadcasts to. */
final class Walk {

  private final long[] shape;
  private final long[] steps;
  private final long[] index;
  private long at;

  Walk(long[] from, long[] to) {
    this(to, steps(from, to), 0);
  }

  /** Visits with explicit strides, in elements. */
  Walk(long[] shape, long[] steps, long start) {
    this.shape = shape;
    this.steps = steps;
    this.index = new long[shape.length];
    this.at = start;
  }

  private static long[] steps(long[] from, long[] to) {
    long[] strides = Shapes.strides(from);
    long[] out = new long[to.length];
    for (int i = 0; i < from.length; i++) {
      out[to.length - from.length + i] = from[i] == 1 ? 0 : strides[i];
    }
    return out;
  }

  /** {@return the offset of the next element} */
  long next() {
    long now = at;
    for (int d = shape.length - 1; d >= 0; d--) {
      at += steps[d];
      if (++index[d] < shape[d]) {
        break;
      }
      at -= steps[d] * shape[d];
      index[d] = 0;
    }
    return now;
  }
}
