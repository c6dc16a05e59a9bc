package io.github.morseengine.engine.backend.cuda;

import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Groups of element-wise operators of one shape that become one kernel: each but the last is read
 * within the group only.
 */
final class Islands {

  private static final int MOST_OPERATIONS = 24;
  private static final int MOST_INPUTS = 12;

  private final Map<Node, List<Node>> byRoot = new IdentityHashMap<>();
  private final Set<Node> inner = Collections.newSetFromMap(new IdentityHashMap<>());

  /** Finds the groups of a graph. */
  Islands(Graph graph) {
    Map<Value, List<Node>> consumers = graph.consumers();
    Set<Value> outputs = Collections.newSetFromMap(new IdentityHashMap<>());
    outputs.addAll(graph.outputs());
    List<Node> nodes = graph.nodes();
    for (int i = nodes.size() - 1; i >= 0; i--) {
      Node root = nodes.get(i);
      if (!inner.contains(root) && PointwiseOps.supports(root)) {
        Set<Node> group = grow(root, consumers, outputs);
        List<Node> order = new ArrayList<>();
        for (Node n : nodes) {
          if (group.contains(n)) {
            order.add(n);
          }
        }
        byRoot.put(root, order);
        group.remove(root);
        inner.addAll(group);
      }
    }
  }

  private Set<Node> grow(Node root, Map<Value, List<Node>> consumers, Set<Value> outputs) {
    Set<Node> group = Collections.newSetFromMap(new IdentityHashMap<>());
    group.add(root);
    boolean grown = true;
    while (grown) {
      grown = false;
      for (Node member : List.copyOf(group)) {
        for (Value v : member.inputs()) {
          Node p = v == null ? null : v.producer();
          boolean joins =
              p != null
                  && group.size() < MOST_OPERATIONS
                  && !group.contains(p)
                  && !inner.contains(p)
                  && !outputs.contains(v)
                  && Arrays.equals(v.shape(), root.output(0).shape())
                  && PointwiseOps.supports(p)
                  && group.containsAll(consumers.get(v));
          if (joins) {
            group.add(p);
            if (inputs(group) > MOST_INPUTS) {
              group.remove(p);
            } else {
              grown = true;
            }
          }
        }
      }
    }
    return group;
  }

  private static int inputs(Set<Node> group) {
    Set<Value> outside = Collections.newSetFromMap(new IdentityHashMap<>());
    for (Node n : group) {
      for (Value v : n.inputs()) {
        if (v != null && !(v.producer() != null && group.contains(v.producer()))) {
          outside.add(v);
        }
      }
    }
    return outside.size();
  }

  /** The group that ends in a node, in order; null for nodes that end none. */
  List<Node> endingIn(Node node) {
    return byRoot.get(node);
  }

  /** Whether a node is computed within a group that ends later. */
  boolean isInner(Node node) {
    return inner.contains(node);
  }
}
