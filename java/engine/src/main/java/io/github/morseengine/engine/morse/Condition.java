package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.tensor.Tensor;
import java.util.Arrays;

/**
 * A further input of Dash, and of Dot where it has one of that name: text embeddings, picture
 * sizes, an embedded guidance scale.
 *
 * @param name the input's name in the graphs, e.g. encoder_hidden_states
 * @param rows [R, ...]; picture i takes row i mod R
 * @param unconditional the same for the unconditional half under guidance, [R', ...]; null where
 *     both halves take {@code rows}
 */
public record Condition(String name, Tensor rows, Tensor unconditional) {

  /**
   * Checks that both halves have equal rows.
   *
   * @throws InvalidInputException if they have not, or there are none
   */
  public Condition {
    check(name, rows);
    if (unconditional != null) {
      check(name, unconditional);
      if (!Arrays.equals(rowShape(rows), rowShape(unconditional))
          || rows.dtype() != unconditional.dtype()) {
        throw new InvalidInputException(
            "condition '"
                + name
                + "': the unconditional rows are "
                + unconditional
                + ", the others "
                + rows);
      }
    }
  }

  private static void check(String name, Tensor t) {
    if (t.rank() < 1 || t.dim(0) < 1) {
      throw new InvalidInputException(
          "condition '" + name + "' is " + t + ": it must have one row at least");
    }
  }

  private static long[] rowShape(Tensor t) {
    return Arrays.copyOfRange(t.shape(), 1, t.rank());
  }

  /** Shape of the input for a number of rows. */
  long[] shape(long count) {
    long[] out = rows.shape().clone();
    out[0] = count;
    return out;
  }

  /** Puts the rows of pictures first, first + 1, ... into an input; unconditional half first. */
  void fill(Tensor to, boolean guided, int first) {
    long half = guided ? to.dim(0) / 2 : 0;
    long width = to.elements() / to.dim(0);
    for (long row = 0; row < to.dim(0); row++) {
      Tensor from = row < half && unconditional != null ? unconditional : rows;
      long picture = first + (row < half ? row : row - half);
      copy(from, picture % from.dim(0) * width, to, row * width, width);
    }
  }

  private static void copy(Tensor from, long at, Tensor to, long into, long count) {
    if (from.dtype() == to.dtype()) {
      long bytes = from.dtype().bytes();
      to.data()
          .asSlice(into * bytes, count * bytes)
          .copyFrom(from.data().asSlice(at * bytes, count * bytes));
      return;
    }
    for (long i = 0; i < count; i++) {
      to.setDouble(into + i, from.getDouble(at + i));
    }
  }
}
