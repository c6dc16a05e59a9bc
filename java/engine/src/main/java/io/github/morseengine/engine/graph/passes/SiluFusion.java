package io.github.morseengine.engine.graph.passes;

import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.FusedOps;
import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;

/** x * Sigmoid(x), and Swish, become SiLU. */
final class SiluFusion implements Pass {

  @Override
  public boolean apply(Graph graph) {
    return Rewriter.sweep(
        graph,
        (r, n) -> {
          if (n.is("Swish") && n.attributes().getFloat("alpha", 1) == 1) {
            r.fuse(n, n.name(), FusedOps.SILU, Attributes.NONE, n.input(0));
          } else if (n.is("Mul")) {
            Value x = gated(n.input(0), n.input(1));
            x = x == null ? gated(n.input(1), n.input(0)) : x;
            if (x != null) {
              r.fuse(n, n.name(), FusedOps.SILU, Attributes.NONE, x);
            }
          }
        });
  }

  private static Value gated(Value x, Value gate) {
    Node sigmoid = Match.producer(gate, "Sigmoid");
    return sigmoid != null && sigmoid.input(0) == x ? x : null;
  }
}
