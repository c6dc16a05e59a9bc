package io.github.morseengine.engine.graph.passes;

import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;

/** {@code prelu(x, s) = max(x, 0) + s min(x, 0)}, for which every backend has fast kernels. */
final class PRelus implements Pass {

  @Override
  public boolean apply(Graph graph) {
    return Rewriter.sweep(
        graph,
        (r, n) -> {
          if (n.is("PRelu") && Match.isReal(n.input(0))) {
            rewrite(r, n);
          }
        });
  }

  private static void rewrite(Rewriter r, Node n) {
    Value x = n.input(0);
    long[] shape = n.output(0).shape();
    Value zero = Constants.scalar(n.name() + "/zero", 0);
    Value above = r.emit(n.name() + "/above", "", "Max", Attributes.NONE, shape, x, zero);
    Value below = r.emit(n.name() + "/below", "", "Min", Attributes.NONE, shape, x, zero);
    Value scaled =
        r.emit(n.name() + "/scaled", "", "Mul", Attributes.NONE, shape, below, n.input(1));
    r.put(n, n.name(), "", "Add", n.opset(), Attributes.NONE, above, scaled);
  }
}
