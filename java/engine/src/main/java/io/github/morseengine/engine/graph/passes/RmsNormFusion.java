package io.github.morseengine.engine.graph.passes;

import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;

/**
 * x / sqrt(mean(x^2) + epsilon) over the last axis, with the root as divisor or its reciprocal as
 * factor, becomes RMSNormalization (Zhang and Sennrich 2019); {@link NormScales} takes the factor
 * behind.
 */
final class RmsNormFusion implements Pass {

  private static final int OPSET = 23;

  @Override
  public boolean apply(Graph graph) {
    return Rewriter.sweep(
        graph,
        (r, n) -> {
          if (n.is("Div")) {
            fuse(r, n, n.input(0), n.input(1));
          } else if (n.is("Mul") && !fuse(r, n, n.input(0), inverse(n.input(1)))) {
            fuse(r, n, n.input(1), inverse(n.input(0)));
          }
        });
  }

  /** What a value is one over; null if nothing. */
  private static Value inverse(Value v) {
    Node reciprocal = Match.producer(v, "Reciprocal");
    if (reciprocal != null) {
      return reciprocal.input(0);
    }
    Node div = Match.producer(v, "Div");
    return div != null && Match.uniform(div.input(0)) == 1 ? div.input(1) : null;
  }

  private static boolean fuse(Rewriter r, Node n, Value x, Value root) {
    Node sqrt = Match.producer(root, "Sqrt");
    Node add = sqrt == null ? null : Match.producer(sqrt.input(0), "Add");
    double epsilon = add == null ? Double.NaN : Match.summand(add);
    Node mean = Double.isNaN(epsilon) ? null : RowMean.of(Match.scaled(add));
    boolean fits = mean != null && Match.squared(mean.input(0)) == x && Match.isReal(x);
    if (fits) {
      long width = x.shape()[x.rank() - 1];
      Value gamma = Constants.filled(n.name() + "/gamma", width, 1);
      Attributes a = Attributes.of("axis", -1, "epsilon", epsilon);
      r.put(n, n.name(), "", "RMSNormalization", OPSET, a, x, gamma);
    }
    return fits;
  }
}
