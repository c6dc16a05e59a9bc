package io.github.morseengine.engine.graph.passes;

import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Constant;
import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;

/** Makes one product of two products with scalar constants in a row. */
final class ScalarChains implements Pass {

  @Override
  public boolean apply(Graph graph) {
    return Rewriter.sweep(
        graph,
        (r, n) -> {
          double outer = Match.factor(n);
          if (Double.isNaN(outer) || n.output(0).dtype() != DType.FLOAT32) {
            return;
          }
          Node inner = Match.scaled(n).producer();
          double factor = Match.factor(inner);
          if (Double.isNaN(factor)
              || inner.output(0).rank() != n.output(0).rank()
              || !r.usedOnce(inner.output(0))) {
            return;
          }
          Tensor product = Tensor.ofFloats(new float[] {(float) (outer * factor)});
          Value by = Value.ofConstant(n.name() + "/factor", Constant.of(product));
          r.put(n, n.name(), "", "Mul", n.opset(), Attributes.NONE, Match.scaled(inner), by);
        });
  }
}
