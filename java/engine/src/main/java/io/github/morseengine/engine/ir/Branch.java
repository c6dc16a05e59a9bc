package io.github.morseengine.engine.ir;

import java.util.List;

/**
 * One of the graphs of an {@code If}: it has no inputs of its own, its nodes read what stands
 * around it. Binding puts the nodes of the branch that runs in the place of the {@code If}.
 *
 * @param nodes in topological order
 * @param outputs what the outputs of the {@code If} are, in order
 */
public record Branch(List<Node> nodes, List<Value> outputs) {

  /** Copies both lists. */
  public Branch {
    nodes = List.copyOf(nodes);
    outputs = List.copyOf(outputs);
  }
}
