package io.github.morseengine.engine.graph.passes;

import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.tensor.DType;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Makes a graph of half precision one of float32, of which a backend computes what it wants in
 * less: so every pass sees one type, and no casts stand between the parts of what it looks for.
 * Inputs and outputs keep their type; weights stay as the file has them and are seen through a
 * cast.
 */
final class WidenHalf implements Pass {

  private static final Attributes TO_FLOAT = Attributes.of("to", DType.FLOAT32.onnxCode());

  @Override
  public boolean apply(Graph graph) {
    Set<Value> halves = new HashSet<>();
    for (Node n : graph.nodes()) {
      n.inputs().stream().filter(WidenHalf::isHalf).forEach(halves::add);
      n.outputs().stream().filter(WidenHalf::isHalf).forEach(halves::add);
    }
    if (halves.isEmpty()) {
      return false;
    }
    Map<Value, DType> ports = new IdentityHashMap<>();
    graph.outputs().stream().filter(halves::contains).forEach(v -> ports.put(v, v.dtype()));
    List<Node> nodes = new ArrayList<>();
    Map<Value, Value> wide = new IdentityHashMap<>();
    for (Graph.Input in : graph.inputs()) {
      if (halves.remove(in.value())) {
        Value to = new Value(in.value().name() + "/wide");
        to.setType(DType.FLOAT32, in.value().shape());
        nodes.add(cast(in.value(), to, TO_FLOAT));
        wide.put(in.value(), to);
      }
    }
    for (Value v : halves) {
      if (v.isConstant()) {
        v.setConstant(v.constant().cast(DType.FLOAT32));
      } else {
        v.setType(DType.FLOAT32, v.shape());
      }
    }
    for (Node n : graph.nodes()) {
      for (int i = 0; i < n.inputs().size(); i++) {
        n.setInput(i, wide.getOrDefault(n.input(i), n.input(i)));
      }
      boolean now = n.is("Cast") && n.output(0).dtype() == DType.FLOAT32;
      nodes.add(now ? cast(n.input(0), n.output(0), TO_FLOAT) : named(n));
    }
    graph.nodes().clear();
    graph.nodes().addAll(nodes);
    graph.outputs().replaceAll(v -> narrow(graph, v, ports.get(v), wide));
    return true;
  }

  private static boolean isHalf(Value v) {
    return v != null && (v.dtype() == DType.FLOAT16 || v.dtype() == DType.BFLOAT16);
  }

  /** A node whose own attribute names a half type as that of its output names float32. */
  private static Node named(Node n) {
    for (String attribute : new String[] {"dtype", "output_dtype"}) {
      long type = n.attributes().getInt(attribute, 0);
      if (type == DType.FLOAT16.onnxCode() || type == DType.BFLOAT16.onnxCode()) {
        Attributes wide = n.attributes().with(attribute, DType.FLOAT32.onnxCode());
        return new Node(n.name(), n.domain(), n.opType(), n.opset(), n.inputs(), n.outputs(), wide);
      }
    }
    return n;
  }

  private static Node cast(Value from, Value to, Attributes target) {
    return new Node("Cast(" + to.name() + ")", "", "Cast", 13, List.of(from), List.of(to), target);
  }

  private static Value narrow(Graph graph, Value v, DType type, Map<Value, Value> wide) {
    if (type == null) {
      return v;
    }
    Value out = new Value(v.name() + "/half");
    out.setType(type, v.shape());
    Attributes to = Attributes.of("to", type.onnxCode());
    graph.nodes().add(cast(wide.getOrDefault(v, v), out, to));
    return out;
  }
}
