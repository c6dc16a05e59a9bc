package io.github.morseengine.engine.graph.passes;

import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;

/** Removes nodes whose outputs nobody reads. */
final class DeadCode implements Pass {

  @Override
  public boolean apply(Graph graph) {
    Set<Value> live = Collections.newSetFromMap(new IdentityHashMap<>());
    live.addAll(graph.outputs());
    List<Node> nodes = graph.nodes();
    for (int i = nodes.size() - 1; i >= 0; i--) {
      Node n = nodes.get(i);
      if (n.outputs().stream().anyMatch(live::contains)) {
        live.addAll(n.inputs());
      }
    }
    return nodes.removeIf(n -> n.outputs().stream().noneMatch(live::contains));
  }
}
