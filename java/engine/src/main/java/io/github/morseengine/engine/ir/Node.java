package io.github.morseengine.engine.ir;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * One operator call. The domain is "" for ONNX's own operators and {@link FusedOps#DOMAIN} for what
 * passes make. Mutable while a graph is being compiled.
 */
public final class Node {

  private final String name;
  private final String domain;
  private final String opType;
  private final int opset;
  private final List<Value> inputs;
  private final List<Value> outputs;
  private final Attributes attributes;

  /**
   * Creates a node and makes it the producer of its outputs.
   *
   * @param name the name in the model file, or one made from its output where the file has none
   * @param domain operator domain, "" for ONNX's own
   * @param opType operator name
   * @param opset version of the domain that the model imports
   * @param inputs inputs in order; null where an optional one is absent
   * @param outputs outputs in order; null where an optional one is absent
   * @param attributes its attributes
   */
  public Node(
      String name,
      String domain,
      String opType,
      int opset,
      List<Value> inputs,
      List<Value> outputs,
      Attributes attributes) {
    this.name = name;
    this.domain = domain;
    this.opType = opType;
    this.opset = opset;
    this.inputs = new ArrayList<>(inputs);
    this.outputs = new ArrayList<>(outputs);
    this.attributes = attributes;
    for (Value out : outputs) {
      if (out != null) {
        out.setProducer(this);
      }
    }
  }

  /** {@return the name} */
  public String name() {
    return name;
  }

  /** {@return the operator domain} */
  public String domain() {
    return domain;
  }

  /** {@return the operator name} */
  public String opType() {
    return opType;
  }

  /** {@return the version of the domain that the model imports} */
  public int opset() {
    return opset;
  }

  /** {@return the inputs; entries may be null} */
  public List<Value> inputs() {
    return Collections.unmodifiableList(inputs);
  }

  /** {@return the outputs; entries may be null} */
  public List<Value> outputs() {
    return Collections.unmodifiableList(outputs);
  }

  /** {@return the attributes} */
  public Attributes attributes() {
    return attributes;
  }

  /**
   * One input.
   *
   * @param i index
   * @return the value, or null where it is absent
   */
  public Value input(int i) {
    return i < inputs.size() ? inputs.get(i) : null;
  }

  /**
   * One output.
   *
   * @param i index
   * @return the value, or null where it is absent
   */
  public Value output(int i) {
    return i < outputs.size() ? outputs.get(i) : null;
  }

  /**
   * Replaces one input.
   *
   * @param i index
   * @param value the new input
   */
  public void setInput(int i, Value value) {
    inputs.set(i, value);
  }

  /**
   * Whether this is a given ONNX operator (default domain).
   *
   * @param type operator name
   * @return true if so
   */
  public boolean is(String type) {
    return domain.isEmpty() && opType.equals(type);
  }

  /**
   * Whether this is a given fused operator.
   *
   * @param type a constant of {@link FusedOps}
   * @return true if so
   */
  public boolean isFused(String type) {
    return domain.equals(FusedOps.DOMAIN) && opType.equals(type);
  }

  @Override
  public String toString() {
    return (domain.isEmpty() ? "" : domain + "::")
        + opType
        + " '"
        + name
        + "' "
        + inputs
        + " -> "
        + outputs;
  }
}
