package io.github.morseengine.engine.graph.passes;

import io.github.morseengine.engine.ir.EinsumSpec;
import io.github.morseengine.engine.ir.Graph;

/**
 * An Einsum of one operand that only changes the order of dimensions is a Transpose: transformers
 * of images end so, when patches become pixels again.
 */
final class PermutingEinsums implements Pass {

  @Override
  public boolean apply(Graph graph) {
    return Rewriter.sweep(
        graph,
        (r, n) -> {
          if (n.is("Einsum") && n.inputs().size() == 1) {
            String equation = n.attributes().getString("equation", "");
            int[] perm =
                EinsumSpec.parse(equation, new long[][] {n.input(0).shape()}).permutation();
            if (perm != null) {
              r.transposeTo(n, n.input(0), perm);
            }
          }
        });
  }
}
