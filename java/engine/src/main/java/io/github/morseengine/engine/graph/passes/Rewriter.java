package io.github.morseengine.engine.graph.passes;

import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Constant;
import io.github.morseengine.engine.ir.FusedOps;
import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.tensor.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;

/**
 * One sweep over a graph in topological order: a pass looks at each node and either leaves it or
 * replaces it by others. Uses are counted as they were when the sweep began.
 */
final class Rewriter {

  /** Looks at one node. */
  @FunctionalInterface
  interface Visitor {

    /**
     * Replaces a node by way of the rewriter, or does nothing.
     *
     * @param rewriter the sweep
     * @param node the node
     */
    void visit(Rewriter rewriter, Node node);
  }

  /** Version of ONNX's own operators that passes write. */
  static final int OPSET = 23;

  private static final Attributes RESHAPE = Attributes.of("allowzero", 1);

  private final Graph graph;
  private final Map<Value, Integer> uses = new IdentityHashMap<>();
  private final Map<Value, Value> replaced = new IdentityHashMap<>();
  private final List<Node> done = new ArrayList<>();
  private boolean keep;
  private boolean changed;

  private Rewriter(Graph graph) {
    this.graph = graph;
    for (Node n : graph.nodes()) {
      n.inputs().forEach(v -> uses.merge(v, 1, Integer::sum));
    }
    // A graph output must stay, so it never counts as used only once.
    graph.outputs().forEach(v -> uses.merge(v, 2, Integer::sum));
  }

  /** Visits every node; returns whether anything was replaced. */
  static boolean sweep(Graph graph, Visitor visitor) {
    Rewriter r = new Rewriter(graph);
    for (Node node : List.copyOf(graph.nodes())) {
      for (int i = 0; i < node.inputs().size(); i++) {
        Value to = r.replaced.get(node.input(i));
        if (to != null) {
          node.setInput(i, to);
        }
      }
      r.keep = true;
      visitor.visit(r, node);
      if (r.keep) {
        r.done.add(node);
      }
    }
    if (r.changed) {
      graph.nodes().clear();
      graph.nodes().addAll(r.done);
      graph.outputs().replaceAll(v -> r.replaced.getOrDefault(v, v));
    }
    return r.changed;
  }

  /** How often nodes read a value; at least two for a graph output. */
  int uses(Value v) {
    return uses.getOrDefault(v, 0);
  }

  /** Whether every reader of a value was a Mul by a constant when the sweep began. */
  boolean scalesOnly(Value v) {
    if (graph.outputs().contains(v)) {
      return false;
    }
    for (Node n : graph.nodes()) {
      boolean scales = n.is("Mul") && Match.other(n, v).isConstant();
      if (n.inputs().contains(v) && !scales) {
        return false;
      }
    }
    return true;
  }

  /** Whether exactly one node reads a value and the graph does not give it out. */
  boolean usedOnce(Value v) {
    return uses(v) == 1;
  }

  /** Gives a node that has been visited before other inputs. */
  void exchange(Node before, Value... inputs) {
    Node by =
        new Node(
            before.name(),
            before.domain(),
            before.opType(),
            before.opset(),
            trim(inputs),
            before.outputs(),
            before.attributes());
    done.set(done.indexOf(before), by);
    changed = true;
  }

  /** Makes all later readers of the node's output read another value; the node goes. */
  void substitute(Node node, Value by) {
    replaced.put(node.output(0), by);
    drop();
  }

  /** Replaces the visited node by one that has its outputs, and perhaps others not yet computed. */
  void replace(Node by) {
    done.add(by);
    drop();
  }

  /** Drops the visited node; readers of its outputs read others. */
  void substitute(Map<Value, Value> outputs) {
    replaced.putAll(outputs);
    drop();
  }

  /** Replaces the visited node by a fused one with the same output and a name of its own. */
  void fuse(Node visited, String name, String op, Attributes attributes, Value... inputs) {
    put(visited, name, FusedOps.DOMAIN, op, 1, attributes, inputs);
  }

  /** Replaces the visited node by an ONNX operator with the same output. */
  void put(
      Node visited,
      String name,
      String domain,
      String op,
      int opset,
      Attributes attributes,
      Value... inputs) {
    done.add(new Node(name, domain, op, opset, trim(inputs), visited.outputs(), attributes));
    drop();
  }

  /** Absent optional inputs at the end are left out. */
  private static List<Value> trim(Value[] inputs) {
    int n = inputs.length;
    while (n > 0 && inputs[n - 1] == null) {
      n--;
    }
    return Arrays.asList(inputs).subList(0, n);
  }

  /** Drops the visited node, whose outputs nobody reads or another node computes already. */
  void drop() {
    keep = false;
    changed = true;
  }

  /** Adds an operator before the visited node and gives its output. */
  Value emit(
      String name, String domain, String op, Attributes attributes, long[] shape, Value... inputs) {
    Value out = new Value(name);
    out.setType(inputs[0].dtype(), shape);
    done.add(new Node(name, domain, op, OPSET, trim(inputs), List.of(out), attributes));
    uses.put(out, 1);
    changed = true;
    return out;
  }

  /** A view of a value under another shape. */
  Value reshape(Value v, long... shape) {
    if (Arrays.equals(v.shape(), shape)) {
      return v;
    }
    if (v.isConstant()) {
      return Value.ofConstant(v.name(), v.constant().reshape(shape));
    }
    return emit(v.name() + "/reshape", "", "Reshape", RESHAPE, shape, v, shapeOf(v, shape));
  }

  /** Replaces the visited node by a Reshape of a value to the shape of the node's output. */
  void reshapeTo(Node visited, Value from) {
    Value to = shapeOf(from, visited.output(0).shape());
    put(visited, visited.name(), "", "Reshape", OPSET, RESHAPE, from, to);
  }

  private static Value shapeOf(Value v, long[] shape) {
    Tensor dims = Tensor.ofLongs(shape, shape.length);
    return Value.ofConstant(v.name() + "/shape", Constant.of(dims));
  }

  /** Replaces the visited node by a Transpose of a value. */
  void transposeTo(Node visited, Value from, int... perm) {
    put(visited, visited.name(), "", "Transpose", OPSET, permutation(perm), from);
  }

  private static Attributes permutation(int[] perm) {
    return Attributes.of("perm", Arrays.stream(perm).asLongStream().toArray());
  }

  /** A view of a value with permuted dimensions. */
  Value transpose(Value v, int... perm) {
    if (v.isConstant()) {
      return Value.ofConstant(v.name(), v.constant().transpose(perm));
    }
    long[] shape = new long[perm.length];
    for (int i = 0; i < perm.length; i++) {
      shape[i] = v.shape()[perm[i]];
    }
    return emit(v.name() + "/transpose", "", "Transpose", permutation(perm), shape, v);
  }

  /** Attributes with some of another node's. */
  static Attributes copy(Node from, Map<String, Object> extra, String... names) {
    Map<String, Object> map = new HashMap<>(extra);
    for (String n : names) {
      if (from.attributes().has(n)) {
        map.put(n, from.attributes().get(n));
      }
    }
    return new Attributes(map);
  }
}
