package io.github.morseengine.engine.graph.onnx;

import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.onnx.Onnx.AttributeProto;
import io.github.morseengine.onnx.Onnx.GraphProto;
import io.github.morseengine.onnx.Onnx.NodeProto;
import io.github.morseengine.onnx.Onnx.TensorProto;
import io.github.morseengine.onnx.Onnx.ValueInfoProto;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Names that nodes can read: those of a body, and of the bodies around it. */
final class Scope {

  private final Scope around;
  private final Map<String, Value> own = new HashMap<>();

  /** A scope in {@code around}; null for none, as the graph and the bodies of functions have it. */
  Scope(Scope around) {
    this.around = around;
  }

  boolean knows(String name) {
    return own.containsKey(name) || around != null && around.knows(name);
  }

  /** The value of a name; null for one that is unknown, or an absent argument of a function. */
  Value get(String name) {
    return own.containsKey(name) || around == null ? own.get(name) : around.get(name);
  }

  void put(String name, Value value) {
    own.put(name, value);
  }

  /** Names that a node reads: its inputs, and what its graphs read of what stands around them. */
  static List<String> reads(NodeProto node) {
    if (!AttributeReader.hasSubgraph(node.getAttributeList())) {
      return node.getInputList();
    }
    List<String> out = new ArrayList<>(node.getInputList());
    for (AttributeProto a : node.getAttributeList()) {
      if (a.hasG()) {
        out.addAll(free(a.getG()));
      }
    }
    return out;
  }

  private static Set<String> free(GraphProto graph) {
    Set<String> read = new LinkedHashSet<>();
    Set<String> known = new HashSet<>();
    graph.getInitializerList().stream().map(TensorProto::getName).forEach(known::add);
    graph.getInputList().stream().map(ValueInfoProto::getName).forEach(known::add);
    for (NodeProto n : graph.getNodeList()) {
      read.addAll(reads(n));
      known.addAll(n.getOutputList());
    }
    graph.getOutputList().stream().map(ValueInfoProto::getName).forEach(read::add);
    read.removeAll(known);
    return read;
  }
}
