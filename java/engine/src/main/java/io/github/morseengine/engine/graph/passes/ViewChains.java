package io.github.morseengine.engine.graph.passes;

import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import java.util.Set;

/**
 * Makes Squeeze, Unsqueeze and Flatten plain Reshapes, and one Reshape or Transpose of two in a row.
 */
final class ViewChains implements Pass {

  private static final Set<String> RESHAPES = Set.of("Reshape", "Flatten", "Squeeze", "Unsqueeze");

  @Override
  public boolean apply(Graph graph) {
    return Rewriter.sweep(
        graph,
        (r, n) -> {
          if (!n.domain().isEmpty()) {
            return;
          }
          if (RESHAPES.contains(n.opType())) {
            reshape(r, n);
          } else if (n.is("Transpose")) {
            transpose(r, n);
          }
        });
  }

  private static void reshape(Rewriter r, Node n) {
    Value from = n.input(0);
    Node inner = Match.producer(from, "Reshape");
    if (inner != null) {
      from = inner.input(0);
    } else if (n.is("Reshape")) {
      return;
    }
    if (!from.isConstant()) {
      r.substitute(n, r.reshape(from, n.output(0).shape()));
    }
  }

  private static void transpose(Rewriter r, Node n) {
    Node inner = Match.producer(n.input(0), "Transpose");
    if (inner == null) {
      return;
    }
    int[] first = permutation(inner);
    int[] second = permutation(n);
    long[] both = new long[first.length];
    for (int i = 0; i < both.length; i++) {
      both[i] = first[second[i]];
    }
    r.put(n, n.name(), "", "Transpose", n.opset(), Attributes.of("perm", both), inner.input(0));
  }

  /** The permutation of a Transpose; reversed where none is given. */
  static int[] permutation(Node n) {
    long[] perm = n.attributes().getInts("perm");
    int[] out = new int[n.input(0).rank()];
    for (int i = 0; i < out.length; i++) {
      out[i] = perm == null ? out.length - 1 - i : (int) perm[i];
    }
    return out;
  }
}
