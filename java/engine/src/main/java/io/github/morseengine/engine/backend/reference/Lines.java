package io.github.morseengine.engine.backend.reference;

import io.github.morseengine.engine.tensor.Shapes;
import io.github.morseengine.engine.tensor.Tensor;
import java.util.Arrays;

/**
 * The lines of a dense tensor along one axis; element k of line i lies at {@code begin(i) + k *
 * step}.
 *
 * @param count lines
 * @param size elements in each
 * @param step from an element to the next
 */
record Lines(long count, long size, long step) {

  static Lines of(Tensor x, int axis) {
    long[] shape = x.shape();
    long size = shape[axis];
    long step = Shapes.elements(Arrays.copyOfRange(shape, axis + 1, shape.length));
    return new Lines(x.elements() / Math.max(1, size), size, step);
  }

  /** Where a line's first element lies. */
  long begin(long line) {
    return line / step * step * size + line % step;
  }
}
