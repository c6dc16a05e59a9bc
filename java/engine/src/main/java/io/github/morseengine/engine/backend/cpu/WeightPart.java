package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.ir.Constant;

/**
 * A weight, or some columns of a matrix, which are packed for themselves.
 *
 * @param of the whole
 * @param offset where the part begins among the elements as {@linkplain Constant#strides stored}
 * @param columns how many; 0 for the whole
 */
record WeightPart(Constant of, long offset, long columns) {

  WeightPart(Constant of) {
    this(of, 0, 0);
  }

  /** Columns of a matrix [K, N]. */
  static WeightPart columns(Constant of, long first, long count) {
    return new WeightPart(of, first * of.strides()[1], count);
  }

  /** What distinguishes the part from others of the same stored bytes. */
  String key() {
    return columns == 0 ? of.viewKey() : of.viewKey() + "@" + offset + "+" + columns;
  }
}
