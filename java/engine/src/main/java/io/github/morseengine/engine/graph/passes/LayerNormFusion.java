package io.github.morseengine.engine.graph.passes;

import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;

/**
 * (x - mean) / sqrt(mean((x - mean)^2) + epsilon) over the last axis, as exporters write it below
 * opset 17, becomes LayerNormalization; {@link NormScales} takes the factor and the summand behind.
 * A LayerNormalization without a summand gets zeros, so that there is one form.
 */
final class LayerNormFusion implements Pass {

  @Override
  public boolean apply(Graph graph) {
    return Rewriter.sweep(
        graph,
        (r, n) -> {
          if (n.is("Div")) {
            fuse(r, n);
          } else if (n.is("LayerNormalization") && plain(n)) {
            put(r, n, n.attributes().getFloat("epsilon", 1e-5f), n.input(0), n.input(1));
          }
        });
  }

  private static boolean plain(Node n) {
    return n.input(2) == null
        && n.input(1).rank() == 1
        && n.output(1) == null
        && n.output(2) == null
        && Match.isReal(n.output(0));
  }

  private static void put(Rewriter r, Node n, double epsilon, Value x, Value gamma) {
    Attributes a = Attributes.of("axis", -1, "epsilon", epsilon);
    Value beta = Constants.filled(n.name() + "/beta", gamma.elements(), 0);
    r.put(n, n.name(), "", "LayerNormalization", 17, a, x, gamma, beta);
  }

  private static void fuse(Rewriter r, Node n) {
    Node sub = Match.producer(n.input(0), "Sub");
    Node sqrt = Match.producer(n.input(1), "Sqrt");
    Node add = sqrt == null ? null : Match.producer(sqrt.input(0), "Add");
    double epsilon = sub == null || add == null ? Double.NaN : Match.summand(add);
    if (Double.isNaN(epsilon) || n.output(0).dtype() != sub.input(0).dtype()) {
      return;
    }
    Node variance = RowMean.of(Match.scaled(add));
    Node mean = RowMean.of(sub.input(1));
    boolean fits =
        variance != null
            && Match.squared(variance.input(0)) == sub.output(0)
            && mean != null
            && mean.input(0) == sub.input(0);
    if (fits) {
      Value x = sub.input(0);
      long width = x.shape()[x.rank() - 1];
      put(r, n, epsilon, x, Constants.filled(n.name() + "/gamma", width, 1));
    }
  }
}
