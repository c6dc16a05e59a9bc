package io.github.morseengine.engine.backend.plan;

import io.github.morseengine.engine.ir.FusedOps;
import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiPredicate;

/** Linear layers with a GEGLU behind them, which a backend may compute together. */
public final class GatedLinears {

  private GatedLinears() {}

  /**
   * Finds them.
   *
   * @param graph a graph after all passes
   * @param takes whether the backend has a kernel for a linear layer and its GEGLU
   * @return by node identity, the GEGLU of each linear layer whose output nobody else reads
   */
  public static Map<Node, Node> of(Graph graph, BiPredicate<Node, Node> takes) {
    Map<Node, Node> out = new IdentityHashMap<>();
    Map<Value, List<Node>> consumers = graph.consumers();
    for (Node n : graph.nodes()) {
      Node linear = n.isFused(FusedOps.GEGLU) ? n.input(0).producer() : null;
      boolean alone =
          linear != null
              && linear.isFused(FusedOps.LINEAR)
              && consumers.get(n.input(0)).size() == 1
              && !graph.outputs().contains(n.input(0))
              && takes.test(linear, n);
      if (alone) {
        out.put(linear, n);
      }
    }
    return out;
  }
}
