package io.github.morseengine.engine.graph.passes;

import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;

/**
 * (x - mean) / sqrt(mean((x - mean)^2) + epsilon) * gamma + beta over the last axis, as exporters
 * write it below opset 17, becomes LayerNormalization.
 */
final class LayerNormFusion implements Pass {

  @Override
  public boolean apply(Graph graph) {
    return Rewriter.sweep(
        graph,
        (r, n) -> {
          if (!n.is("Add")) {
            return;
          }
          for (int i = 0; i < 2; i++) {
            Node mul = Match.producer(n.input(i), "Mul");
            if (mul != null && row(n.input(1 - i)) && fuse(r, n, mul, n.input(1 - i))) {
              return;
            }
          }
        });
  }

  private static boolean fuse(Rewriter r, Node n, Node mul, Value beta) {
    for (int i = 0; i < 2; i++) {
      Node div = Match.producer(mul.input(i), "Div");
      Value gamma = mul.input(1 - i);
      Node sub = div == null ? null : Match.producer(div.input(0), "Sub");
      Node sqrt = div == null ? null : Match.producer(div.input(1), "Sqrt");
      Node add = sqrt == null ? null : Match.producer(sqrt.input(0), "Add");
      if (sub == null || add == null || !row(gamma)) {
        continue;
      }
      double epsilon = Match.summand(add);
      Node variance = Double.isNaN(epsilon) ? null : mean(Match.scaled(add));
      Node square = variance == null ? null : variance.input(0).producer();
      boolean squared =
          square != null
              && (square.is("Pow")
                      && square.input(0) == sub.output(0)
                      && Match.scalar(square.input(1)) == 2
                  || square.is("Mul")
                      && square.input(0) == sub.output(0)
                      && square.input(1) == sub.output(0));
      Node mean = mean(sub.input(1));
      boolean widths =
          gamma.elements() == beta.elements()
              && gamma.elements() == sub.input(0).shape()[sub.input(0).rank() - 1];
      if (squared && widths && mean != null && mean.input(0) == sub.input(0)) {
        Attributes a = Attributes.of("axis", -1, "epsilon", epsilon);
        r.put(n, n.name(), "", "LayerNormalization", 17, a, sub.input(0), gamma, beta);
        return true;
      }
    }
    return false;
  }

  private static boolean row(Value v) {
    return v.isConstant() && v.rank() == 1;
  }

  /** A mean over the last axis that keeps it. */
  private static Node mean(Value v) {
    Node n = Match.producer(v, "ReduceMean");
    if (n == null || n.attributes().getInt("keepdims", 1) != 1) {
      return null;
    }
    long[] shape = n.input(0).shape();
    long[] out = v.shape();
    for (int d = 0; d < shape.length; d++) {
      if (out[d] != (d == shape.length - 1 ? 1 : shape[d])) {
        return null;
      }
    }
    return n;
  }
}
