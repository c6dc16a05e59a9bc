package io.github.morseengine.engine.backend.plan;

import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Shapes;

/**
 * A plan under construction, as far as lowerings need it that only move elements: where each value
 * lies, new memory, and strided copies. For one thread.
 */
public interface Placement {

  /**
   * Finds a value; constants are stored dense on first use.
   *
   * @param value a value that a step before writes, an input, or a constant
   * @return where it lies
   */
  View get(Value value);

  /**
   * Says where a value lies.
   *
   * @param value the value
   * @param view its memory
   */
  void put(Value value, View view);

  /**
   * Takes new memory of the arena.
   *
   * @param dtype element type
   * @param shape dimensions
   * @param strides distances in elements, without gaps in some order
   * @return the memory
   */
  View allocate(DType dtype, long[] shape, long[] strides);

  /**
   * Adds a step that copies.
   *
   * @param from the elements
   * @param to memory of the same shape
   * @param what for reports
   */
  void copy(View from, View to, String what);

  /**
   * Takes new memory in row-major order.
   *
   * @param dtype element type
   * @param shape dimensions
   * @return the memory
   */
  default View allocateDense(DType dtype, long... shape) {
    return allocate(dtype, shape, Shapes.strides(shape));
  }

  /**
   * A view under given strides.
   *
   * @param view the elements
   * @param strides distances in elements
   * @return the view itself if its strides are as wanted, else a copy that has them
   */
  default View as(View view, long[] strides) {
    if (view.has(strides)) {
      return new View(view.slot(), view.offset(), view.dtype(), view.shape(), strides);
    }
    View copy = allocate(view.dtype(), view.shape(), strides);
    copy(view, copy, "copy");
    return copy;
  }

  /**
   * A view in row-major order.
   *
   * @param view the elements
   * @return the view or a copy
   */
  default View dense(View view) {
    return as(view, Shapes.strides(view.shape()));
  }

  /**
   * A view with its channels innermost.
   *
   * @param view the elements
   * @return the view or a copy
   */
  default View channelsLast(View view) {
    return as(view, View.channelsLast(view.shape()));
  }

  /**
   * A view without gaps.
   *
   * @param view the elements
   * @return the view or a copy in the same order of dimensions
   */
  default View packed(View view) {
    return view.isPacked() ? view : as(view, view.packedLike());
  }
}
