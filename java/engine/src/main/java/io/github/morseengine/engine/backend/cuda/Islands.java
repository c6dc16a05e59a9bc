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
 * within the group only. What depends on constant inputs alone is in groups of its own, since it
 * need not be computed at every step.
 */
final class Islands {

  private static final int MOST_OPERATIONS = 24;
  private static final int MOST_INPUTS = 12;

  /** Operators that may be computed more than once, for results of few elements. */
  private static final Set<String> CHEAP = Set.of("Cast", "Add", "Sub", "Mul", "Div", "Neg");

  private static final long SMALL = 1 << 16;

  private final Map<Node, List<Node>> byRoot = new IdentityHashMap<>();

  /** The groups that each node is computed in. */
  private final Map<Node, List<Set<Node>>> groups = new IdentityHashMap<>();

  private final Map<Value, List<Node>> consumers;
  private final Set<Value> outputs = Collections.newSetFromMap(new IdentityHashMap<>());
  private final Set<Node> constant;

  /**
   * Finds the groups of a graph.
   *
   * @param constant nodes that depend on constant inputs alone
   */
  Islands(Graph graph, Set<Node> constant) {
    this.constant = constant;
    consumers = graph.consumers();
    outputs.addAll(graph.outputs());
    List<Node> nodes = graph.nodes();
    for (int i = nodes.size() - 1; i >= 0; i--) {
      Node root = nodes.get(i);
      if (PointwiseOps.supports(root) && !isInner(root)) {
        Set<Node> group = grow(root);
        List<Node> order = new ArrayList<>();
        for (Node n : nodes) {
          if (group.contains(n)) {
            order.add(n);
            groups.computeIfAbsent(n, k -> new ArrayList<>()).add(group);
          }
        }
        byRoot.put(root, order);
      }
    }
  }

  private Set<Node> grow(Node root) {
    Set<Node> group = Collections.newSetFromMap(new IdentityHashMap<>());
    group.add(root);
    boolean grown = true;
    while (grown) {
      grown = false;
      for (Node member : List.copyOf(group)) {
        for (Value v : member.inputs()) {
          Node p = v == null ? null : v.producer();
          if (p != null && !group.contains(p) && joins(p, v, root, group)) {
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

  private boolean joins(Node p, Value v, Node root, Set<Node> group) {
    return group.size() < MOST_OPERATIONS
        && constant.contains(p) == constant.contains(root)
        && !outputs.contains(v)
        && Arrays.equals(v.shape(), root.output(0).shape())
        && PointwiseOps.supports(p)
        && (group.containsAll(consumers.get(v)) || isCheap(p, v));
  }

  /** Whether it is cheaper to compute a value in each group that reads it than to store it. */
  private boolean isCheap(Node p, Value v) {
    return CHEAP.contains(p.opType())
        && v.elements() <= SMALL
        && consumers.get(v).stream().allMatch(PointwiseOps::supports);
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

  /** Whether everybody who reads a node computes it in a group of their own. */
  boolean isInner(Node node) {
    List<Set<Node>> own = groups.get(node);
    List<Node> readers = consumers.get(node.output(0));
    if (own == null || readers == null || byRoot.containsKey(node)) {
      return false;
    }
    for (Node r : readers) {
      for (Set<Node> g : groups.getOrDefault(r, List.of())) {
        if (!g.contains(node)) {
          return false;
        }
      }
      if (!groups.containsKey(r)) {
        return false;
      }
    }
    return !outputs.contains(node.output(0));
  }
}
