package io.github.morseengine.engine.graph.passes;

import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;

/**
 * A constant row that multiplies what a norm without a factor gives becomes its gamma, and one that
 * is added its beta.
 */
final class NormScales implements Pass {

  @Override
  public boolean apply(Graph graph) {
    return Rewriter.sweep(
        graph,
        (r, n) -> {
          if (n.is("Mul") || n.is("Add")) {
            for (int i = 0; i < 2 && !take(r, n, n.input(i), n.input(1 - i)); i++) {}
          }
        });
  }

  private static boolean take(Rewriter r, Node n, Value normed, Value row) {
    Node norm = Match.producer(normed, "LayerNormalization");
    boolean centred = norm != null;
    norm = centred ? norm : Match.producer(normed, "RMSNormalization");
    boolean fits =
        norm != null
            && r.usedOnce(normed)
            && norm.output(1) == null
            && row.isConstant()
            && row.elements() == norm.input(1).elements()
            && row.rank() > 0
            && row.shape()[row.rank() - 1] == row.elements()
            && row.dtype() == normed.dtype()
            && n.output(0).rank() == normed.rank()
            && norm.input(1).rank() == 1;
    if (!fits) {
      return false;
    }
    Value flat = Value.ofConstant(row.name(), row.constant().reshape(row.elements()));
    Value beta = norm.input(2);
    boolean noBeta = beta == null || Match.uniform(beta) == 0;
    if (n.is("Mul") && noBeta && Match.uniform(norm.input(1)) == 1) {
      r.put(
          n,
          n.name(),
          "",
          norm.opType(),
          norm.opset(),
          norm.attributes(),
          norm.input(0),
          flat,
          beta);
      return true;
    }
    if (n.is("Add") && centred && noBeta) {
      Value gamma = norm.input(1);
      r.put(
          n,
          n.name(),
          "",
          norm.opType(),
          norm.opset(),
          norm.attributes(),
          norm.input(0),
          gamma,
          flat);
      return true;
    }
    return false;
  }
}
