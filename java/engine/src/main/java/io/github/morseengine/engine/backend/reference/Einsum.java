package io.github.morseengine.engine.backend.reference;

import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.ir.EinsumSpec;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.tensor.Shapes;
import io.github.morseengine.engine.tensor.Tensor;

/** Einstein summation over any number of operands. */
final class Einsum {

  private Einsum() {}

  static Tensor run(Node node, Tensor[] in) {
    long[][] shapes = new long[in.length][];
    for (int i = 0; i < in.length; i++) {
      if (in[i] == null) {
        throw new InvalidInputException("an operand is missing");
      }
      shapes[i] = in[i].shape();
    }
    EinsumSpec spec = EinsumSpec.parse(node.attributes().getString("equation", ""), shapes);
    long[] outShape = spec.outputShape();
    long[] sumShape = spec.summedShape();
    Tensor out = Tensor.allocate(in[0].dtype(), outShape);
    Walk[] outer = new Walk[in.length];
    for (int k = 0; k < in.length; k++) {
      outer[k] = new Walk(outShape, spec.outputSteps(k), 0);
    }
    long sums = Shapes.elements(sumShape);
    for (long i = 0; i < out.elements(); i++) {
      Walk[] inner = new Walk[in.length];
      for (int k = 0; k < in.length; k++) {
        inner[k] = new Walk(sumShape, spec.summedSteps(k), outer[k].next());
      }
      double sum = 0;
      for (long s = 0; s < sums; s++) {
        double product = 1;
        for (int k = 0; k < in.length; k++) {
          product *= in[k].getDouble(inner[k].next());
        }
        sum += product;
      }
      out.setDouble(i, sum);
    }
    return out;
  }
}
