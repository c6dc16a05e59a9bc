package io.github.morseengine.engine.graph.passes;

import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.FusedOps;
import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.tensor.DType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Sums and products of tensors of one shape, with factors per sample or for all, become one pass
 * over memory.
 */
final class ExpressionFusion implements Pass {

  private static final int MAX_OPERATIONS = 24;
  private static final int MAX_INPUTS = 12;
  private static final List<String> OPERATORS = List.of("Add", "Sub", "Mul", "Div");

  @Override
  public boolean apply(Graph graph) {
    Map<Value, List<Node>> consumers = graph.consumers();
    Set<Value> outputs = Collections.newSetFromMap(new IdentityHashMap<>());
    outputs.addAll(graph.outputs());
    Map<Node, Set<Node>> groups = new IdentityHashMap<>();
    Set<Node> taken = new HashSet<>();
    List<Node> nodes = graph.nodes();
    for (int i = nodes.size() - 1; i >= 0; i--) {
      Node root = nodes.get(i);
      if (!taken.contains(root) && candidate(root, root.output(0).shape())) {
        Set<Node> group = grow(root, consumers, outputs, taken);
        if (group.size() > 1) {
          taken.addAll(group);
          groups.put(root, group);
        }
      }
    }
    return Rewriter.sweep(
        graph,
        (r, n) -> {
          if (groups.containsKey(n)) {
            fuse(r, n, groups.get(n));
          }
        });
  }

  /** All operators whose results are read within the group only. */
  private static Set<Node> grow(
      Node root, Map<Value, List<Node>> consumers, Set<Value> outputs, Set<Node> taken) {
    Set<Node> group = new HashSet<>(Set.of(root));
    boolean grown = true;
    while (grown && group.size() < MAX_OPERATIONS) {
      grown = false;
      for (Node member : List.copyOf(group)) {
        for (Value v : member.inputs()) {
          Node p = v.producer();
          boolean inner =
              p != null
                  && !group.contains(p)
                  && !taken.contains(p)
                  && !outputs.contains(v)
                  && Arrays.equals(v.shape(), root.output(0).shape())
                  && candidate(p, v.shape())
                  && group.containsAll(consumers.get(v));
          if (inner && group.size() < MAX_OPERATIONS) {
            group.add(p);
            grown = true;
          }
        }
      }
    }
    Set<Value> inputs = Collections.newSetFromMap(new IdentityHashMap<>());
    group.forEach(n -> inputs.addAll(n.inputs()));
    return inputs.size() > MAX_INPUTS + group.size() ? Set.of(root) : group;
  }

  private static boolean candidate(Node n, long[] shape) {
    if (!n.domain().isEmpty() || !OPERATORS.contains(n.opType()) || n.inputs().size() != 2) {
      return false;
    }
    return n.inputs().stream().allMatch(v -> v.dtype() == DType.FLOAT32 && broadcasts(v, shape));
  }

  /** Whether a value has the shape itself, or one number for all or for each sample. */
  private static boolean broadcasts(Value v, long[] shape) {
    long[] s = v.shape();
    if (Arrays.equals(s, shape) || v.elements() == 1 && s.length <= shape.length) {
      return true;
    }
    return s.length == shape.length && v.elements() == s[0] && s[0] == shape[0];
  }

  private static void fuse(Rewriter r, Node root, Set<Node> group) {
    List<Value> inputs = new ArrayList<>();
    List<Node> order = new ArrayList<>();
    visit(root, group, order, inputs);
    long[] program = new long[3 * order.size()];
    for (int i = 0; i < order.size(); i++) {
      Node n = order.get(i);
      program[3 * i] = OPERATORS.indexOf(n.opType());
      for (int k = 0; k < 2; k++) {
        Value v = n.input(k);
        int at = order.indexOf(v.producer());
        program[3 * i + 1 + k] = at >= 0 ? inputs.size() + at : indexOf(inputs, v);
      }
    }
    Attributes a = Attributes.of("program", program);
    r.fuse(root, root.name(), FusedOps.EXPRESSION, a, inputs.toArray(Value[]::new));
  }

  private static void visit(Node n, Set<Node> group, List<Node> order, List<Value> inputs) {
    for (Value v : n.inputs()) {
      Node p = v.producer();
      if (p != null && group.contains(p)) {
        if (!order.contains(p)) {
          visit(p, group, order, inputs);
        }
      } else if (indexOf(inputs, v) < 0) {
        inputs.add(v);
      }
    }
    order.add(n);
  }

  private static int indexOf(List<Value> values, Value v) {
    for (int i = 0; i < values.size(); i++) {
      if (values.get(i) == v) {
        return i;
      }
    }
    return -1;
  }
}
