package io.github.morseengine.engine.ir;

import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Shapes;
import java.util.Arrays;

/** A tensor that flows through a {@link Graph}. Mutable while a graph is being compiled. */
public final class Value {

  private final String name;
  private DType dtype;
  private long[] shape;
  private Node producer;
  private Constant constant;

  /**
   * Creates a value of unknown type.
   *
   * @param name the name in the model file, or one made by a pass
   */
  public Value(String name) {
    this.name = name;
  }

  /**
   * Creates a constant.
   *
   * @param name the name in the model file, or one made by a pass
   * @param constant its elements
   * @return the value
   */
  public static Value ofConstant(String name, Constant constant) {
    Value value = new Value(name);
    value.setConstant(constant);
    return value;
  }

  /** {@return the name} */
  public String name() {
    return name;
  }

  /** {@return the element type; null before inference} */
  public DType dtype() {
    return dtype;
  }

  /** {@return the static dimensions (not a copy: do not change); null before inference} */
  public long[] shape() {
    return shape;
  }

  /** {@return the number of dimensions} */
  public int rank() {
    return shape.length;
  }

  /** {@return the number of elements} */
  public long elements() {
    return Shapes.elements(shape);
  }

  /**
   * Sets the type found by inference.
   *
   * @param newType element type
   * @param newShape static dimensions
   */
  public void setType(DType newType, long... newShape) {
    this.dtype = newType;
    this.shape = newShape.clone();
  }

  /** {@return the node that computes this value; null for inputs and constants} */
  public Node producer() {
    return producer;
  }

  void setProducer(Node node) {
    this.producer = node;
  }

  /** {@return the elements where they are known before a run, else null} */
  public Constant constant() {
    return constant;
  }

  /** {@return whether the elements are known before a run} */
  public boolean isConstant() {
    return constant != null;
  }

  /**
   * Makes this value a constant; its type follows, and it has no producer any more.
   *
   * @param newConstant the elements
   */
  public void setConstant(Constant newConstant) {
    this.constant = newConstant;
    this.producer = null;
    setType(newConstant.dtype(), newConstant.shape());
  }

  @Override
  public String toString() {
    return name + ":" + dtype + (shape == null ? "[?]" : Arrays.toString(shape));
  }
}
