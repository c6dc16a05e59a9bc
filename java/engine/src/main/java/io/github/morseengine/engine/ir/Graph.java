package io.github.morseengine.engine.ir;

import io.github.morseengine.engine.error.InvalidInputException;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * A directed graph of nodes in topological order. Mutable, used by one thread, while a model is
 * being compiled.
 */
public final class Graph {

  /**
   * A graph input with its declared dimensions.
   *
   * @param value the value; its shape is null until the input is bound
   * @param dims declared dimensions; null where the file declares no shape
   */
  public record Input(Value value, List<Dim> dims) {}

  private final String name;
  private final List<Input> inputs = new ArrayList<>();
  private final List<Value> outputs = new ArrayList<>();
  private final List<String> outputNames = new ArrayList<>();
  private final List<List<Dim>> outputDims = new ArrayList<>();
  private final List<Node> nodes = new ArrayList<>();
  private final Set<String> constantInputs = new TreeSet<>();

  /**
   * Creates an empty graph.
   *
   * @param name for messages: usually the file
   */
  public Graph(String name) {
    this.name = name;
  }

  /** {@return the name for messages} */
  public String name() {
    return name;
  }

  /** {@return the inputs, without initializers (live list)} */
  public List<Input> inputs() {
    return inputs;
  }

  /**
   * Declares that inputs stay the same over many runs.
   *
   * @param names of inputs
   * @throws InvalidInputException if there is no such input
   */
  public void declareConstant(Set<String> names) {
    List<String> known = inputs.stream().map(i -> i.value().name()).toList();
    for (String wanted : names) {
      if (!known.contains(wanted)) {
        throw new InvalidInputException(
            name + " has no input '" + wanted + "' to be constant; its inputs are " + known);
      }
    }
    constantInputs.addAll(names);
  }

  /** {@return whether an input was declared constant} */
  public boolean isConstantInput(Value input) {
    return constantInputs.contains(input.name());
  }

  /**
   * Finds the nodes whose results stay the same as long as the constant inputs do.
   *
   * @return those that depend on constant inputs, and on nothing else that changes, with the
   *     positions of these inputs
   */
  public Map<Node, BitSet> constantNodes() {
    Map<Value, BitSet> known = new IdentityHashMap<>();
    for (int i = 0; i < inputs.size(); i++) {
      if (isConstantInput(inputs.get(i).value())) {
        BitSet itself = new BitSet();
        itself.set(i);
        known.put(inputs.get(i).value(), itself);
      }
    }
    Map<Node, BitSet> out = new IdentityHashMap<>();
    for (Node node : nodes) {
      BitSet depends = new BitSet();
      boolean all = !node.opType().startsWith("Random");
      for (Value in : node.inputs()) {
        BitSet of = known.get(in);
        all &= in == null || in.isConstant() || of != null;
        if (of != null) {
          depends.or(of);
        }
      }
      if (all && !depends.isEmpty()) {
        out.put(node, depends);
        node.outputs().forEach(v -> known.put(v, depends));
      }
    }
    return out;
  }

  /** {@return the outputs (live list)} */
  public List<Value> outputs() {
    return outputs;
  }

  /** {@return the names of the outputs, which passes never change (live list)} */
  public List<String> outputNames() {
    return outputNames;
  }

  /** {@return declared dimensions of each output, entries null where undeclared (live list)} */
  public List<List<Dim>> outputDims() {
    return outputDims;
  }

  /** {@return the nodes in topological order (live list)} */
  public List<Node> nodes() {
    return nodes;
  }

  /**
   * Collects who reads each value, outputs of the graph not counted.
   *
   * @return consumers by value identity; values without consumers are absent
   */
  public Map<Value, List<Node>> consumers() {
    Map<Value, List<Node>> map = new IdentityHashMap<>();
    for (Node node : nodes) {
      for (Value in : node.inputs()) {
        if (in != null) {
          map.computeIfAbsent(in, v -> new ArrayList<>()).add(node);
        }
      }
    }
    return map;
  }

  /**
   * Replaces a value everywhere it is read, graph outputs included.
   *
   * @param from the value to replace
   * @param to its replacement
   */
  public void replaceUses(Value from, Value to) {
    for (Node node : nodes) {
      for (int i = 0; i < node.inputs().size(); i++) {
        if (node.input(i) == from) {
          node.setInput(i, to);
        }
      }
    }
    outputs.replaceAll(v -> v == from ? to : v);
  }
}
