package io.github.morseengine.engine.graph.contrib;

import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Constant;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Collects the ONNX nodes that one node stands for, in topological order. */
final class Expansion {

  /** Version of ONNX's operators that expansions are written in. */
  private static final int OPSET = 24;

  private final Node node;
  private final List<Node> parts = new ArrayList<>();

  /**
   * Begins.
   *
   * @param node the node; its inputs have types
   */
  Expansion(Node node) {
    this.node = node;
  }

  Node node() {
    return node;
  }

  Value in(int i) {
    return node.input(i);
  }

  List<Node> parts() {
    return parts;
  }

  /** Adds a node and gives its output. */
  Value add(String op, Attributes attributes, Value... inputs) {
    Value out = new Value(name(op));
    add(op, attributes, List.of(out), inputs);
    return out;
  }

  /** Adds a node with several outputs, entries null where nobody reads one. */
  void add(String op, Attributes attributes, List<Value> outputs, Value... inputs) {
    List<Value> all = Arrays.asList(inputs);
    parts.add(new Node(name(op), "", op, OPSET, all, outputs, attributes));
  }

  /** Adds the node whose output is one of the expanded node's; nothing where nobody reads it. */
  void out(int output, String op, Attributes attributes, Value... inputs) {
    if (node.output(output) != null) {
      add(op, attributes, List.of(node.output(output)), inputs);
    }
  }

  Value temporary(String what) {
    return new Value(node.name() + "/" + what + parts.size());
  }

  /** A list of whole numbers. */
  Value longs(long... numbers) {
    return Value.ofConstant(
        node.name() + "/list", Constant.of(Tensor.ofLongs(numbers, numbers.length)));
  }

  /** One number of a type. */
  Value number(double number, DType type) {
    Tensor t = Tensor.ofFloats(new float[] {(float) number});
    return Value.ofConstant(node.name() + "/number", Constant.of(t).cast(type).reshape());
  }

  Value reshape(Value v, long... shape) {
    return add("Reshape", Attributes.NONE, v, longs(shape));
  }

  Value transpose(Value v, long... perm) {
    return add("Transpose", Attributes.of("perm", perm), v);
  }

  /** A parameter in the type of the data, where the operator keeps it in float32. */
  Value like(Value parameter, Value data) {
    return parameter == null || parameter.dtype() == data.dtype()
        ? parameter
        : add("Cast", Attributes.of("to", data.dtype().onnxCode()), parameter);
  }

  private String name(String op) {
    return node.name() + "/" + op + parts.size();
  }
}
