package io.github.morseengine.engine.graph.passes;

import io.github.morseengine.engine.ir.FusedOps;
import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.tensor.Shapes;
import io.github.morseengine.engine.tensor.Tensor;
import java.lang.foreign.Arena;

/**
 * A number added to one part of a split linear layer moves into the layer's bias: the {@code 1 +
 * scale} of a scale-shift embedding.
 */
final class BiasShifts implements Pass {

  @Override
  public boolean apply(Graph graph) {
    return Rewriter.sweep(
        graph,
        (r, n) -> {
          if (n.is("Add") || n.is("Sub")) {
            move(r, n);
          }
        });
  }

  private static void move(Rewriter r, Node n) {
    double by = Match.summand(n);
    Value part = Match.scaled(n);
    if (Double.isNaN(by)
        || part.isConstant()
        || part.elements() != n.output(0).elements()
        || part.rank() != n.output(0).rank()) {
      return;
    }
    Value v = throughReshapes(r, part);
    Node split = Match.producer(v, "Split");
    if (split == null || !r.usedOnce(v)) {
      return;
    }
    int axis = Shapes.axis(split.attributes().getInt("axis", 0), v.rank());
    long start = 0;
    for (int i = 0; split.output(i) != v; i++) {
      if (split.output(i) == null) {
        return;
      }
      start += split.output(i).shape()[axis];
    }
    Value whole = throughReshapes(r, split.input(0));
    Node linear = Match.fused(whole, FusedOps.LINEAR);
    boolean open =
        linear != null
            && r.usedOnce(whole)
            && Epilogues.activation(linear) == null
            && (linear.input(2) == null || linear.input(2).isConstant())
            && columnsStayWhole(whole.shape(), split.input(0).shape(), axis);
    if (!open) {
      return;
    }
    long columns = linear.input(1).shape()[1];
    Value old = linear.input(2);
    Value bias = old == null ? Constants.filled(linear.name() + "/bias", columns, 0) : old;
    Value[] in = {linear.input(0), linear.input(1), null, linear.input(3)};
    in[2] = shifted(bias, start, start + v.shape()[axis], by);
    // Only this Add reads the part, so that the layer itself may compute it with another bias.
    r.exchange(linear, in);
    r.substitute(n, part);
  }

  private static Value throughReshapes(Rewriter r, Value v) {
    while (Match.producer(v, "Reshape") != null && r.usedOnce(v)) {
      v = v.producer().input(0);
    }
    return v;
  }

  /** Whether the last dimension of the layer is the split one, with only ones after it. */
  private static boolean columnsStayWhole(long[] layer, long[] seen, int axis) {
    for (int d = axis + 1; d < seen.length; d++) {
      if (seen[d] != 1) {
        return false;
      }
    }
    return seen[axis] == layer[layer.length - 1];
  }

  private static Value shifted(Value bias, long from, long to, double by) {
    Tensor old = bias.constant().materialize(Arena.ofAuto());
    return Constants.vector(
        bias.name(), old.elements(), i -> old.getDouble(i) + (i >= from && i < to ? by : 0));
  }
}
