package io.github.morseengine.engine.backend.plan;

import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiPredicate;

/** Nodes that a backend may compute together with the one that makes their first input. */
public final class Followers {

  private Followers() {}

  /**
   * Finds them.
   *
   * @param graph a graph after all passes
   * @param takes whether the backend may have a kernel for a node and the one behind it
   * @return by node identity, the node behind each whose output nobody else reads
   */
  public static Map<Node, Node> of(Graph graph, BiPredicate<Node, Node> takes) {
    Map<Node, Node> out = new IdentityHashMap<>();
    Map<Value, List<Node>> consumers = graph.consumers();
    for (Node n : graph.nodes()) {
      Value x = n.input(0);
      Node first = x == null ? null : x.producer();
      boolean alone =
          first != null
              && consumers.get(x).size() == 1
              && !graph.outputs().contains(x)
              && takes.test(first, n);
      if (alone) {
        out.put(first, n);
      }
    }
    return out;
  }
}
