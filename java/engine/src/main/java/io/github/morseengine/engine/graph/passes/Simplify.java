package io.github.morseengine.engine.graph.passes;

import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import java.util.Arrays;

/** Removes operators that change nothing: copies, casts to the same type, x * 1, x + 0. */
final class Simplify implements Pass {

  @Override
  public boolean apply(Graph graph) {
    return Rewriter.sweep(
        graph,
        (r, n) -> {
          Value same = unchanged(n);
          if (same != null
              && same.dtype() == n.output(0).dtype()
              && Arrays.equals(same.shape(), n.output(0).shape())) {
            r.substitute(n, same);
          }
        });
  }

  /** An input that the output equals if type and shape do; null where it may differ. */
  private static Value unchanged(Node n) {
    if (!n.domain().isEmpty() || n.output(0) == null) {
      return null;
    }
    return switch (n.opType()) {
      case "Identity", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Expand", "Tile" ->
          n.input(0);
      case "Dropout" -> n.output(1) == null ? n.input(0) : null;
      case "Slice" -> forward(n) ? n.input(0) : null;
      case "Concat" -> n.inputs().size() == 1 ? n.input(0) : null;
      case "Transpose" -> identity(n) ? n.input(0) : null;
      case "Pad" -> Match.uniform(n.input(1)) == 0 ? n.input(0) : null;
      case "Mul", "Div" -> neutral(n, 1);
      case "Add", "Sub" -> neutral(n, 0);
      case "Pow" -> Match.scalar(n.input(1)) == 1 ? n.input(0) : null;
      default -> null;
    };
  }

  /** The operand beside a constant of ones (Mul, Div) or zeros (Add, Sub). */
  private static Value neutral(Node n, double element) {
    boolean commutes = n.is("Mul") || n.is("Add");
    if (Match.uniform(n.input(1)) == element) {
      return n.input(0);
    }
    return commutes && Match.uniform(n.input(0)) == element ? n.input(1) : null;
  }

  /** A slice of full size changes nothing unless it turns an axis around. */
  private static boolean forward(Node n) {
    return n.input(4) == null || Match.uniform(n.input(4)) == 1;
  }

  private static boolean identity(Node n) {
    long[] perm = n.attributes().getInts("perm");
    for (int i = 0; perm != null && i < perm.length; i++) {
      if (perm[i] != i) {
        return false;
      }
    }
    return perm != null || n.input(0).rank() < 2;
  }
}
