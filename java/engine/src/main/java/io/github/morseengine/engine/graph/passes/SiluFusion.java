package io.github.morseengine.engine.graph.passes;

import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.FusedOps;
import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;

/**
 * x * Sigmoid(x), and Swish of alpha 1, become SiLU; x * Sigmoid(alpha x), such as the quick GELU
 * of CLIP (alpha 1.702), becomes Swish.
 */
final class SiluFusion implements Pass {

  private static final int SWISH_OPSET = 24;

  @Override
  public boolean apply(Graph graph) {
    return Rewriter.sweep(
        graph,
        (r, n) -> {
          if (n.is("Swish") && n.attributes().getFloat("alpha", 1) == 1) {
            r.fuse(n, n.name(), FusedOps.SILU, Attributes.NONE, n.input(0));
          } else if (n.is("Mul") && !gated(r, n, n.input(0), n.input(1))) {
            gated(r, n, n.input(1), n.input(0));
          }
        });
  }

  private static boolean gated(Rewriter r, Node n, Value x, Value gate) {
    Node sigmoid = Match.producer(gate, "Sigmoid");
    if (sigmoid == null) {
      return false;
    }
    if (sigmoid.input(0) == x) {
      r.fuse(n, n.name(), FusedOps.SILU, Attributes.NONE, x);
      return true;
    }
    Node scaled = sigmoid.input(0).producer();
    double alpha = Match.factor(scaled);
    if (Double.isNaN(alpha) || Match.scaled(scaled) != x) {
      return false;
    }
    r.put(n, n.name(), "", "Swish", SWISH_OPSET, Attributes.of("alpha", alpha), x);
    return true;
  }
}
