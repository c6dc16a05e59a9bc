package io.github.morseengine.jmh.micro;

import io.github.morseengine.jmh.OneOp;
import org.openjdk.jmh.annotations.Param;

/** A sum, a sigmoid and a product of feature maps. */
public class Elementwise extends OperatorBenchmark {

  /** Channels, side. */
  @Param({"96x16", "128x8", "160x4"})
  public String shape;

  /** Created by JMH. */
  public Elementwise() {}

  @Override
  protected String shape() {
    return shape;
  }

  @Override
  protected OneOp graph(long[] s) {
    return new OneOp("elementwise")
        .input("a", batch, s[0], s[1], s[1])
        .input("b", batch, s[0], s[1], s[1])
        .node("Add", "sum", "a", "b")
        .node("Sigmoid", "gate", "a")
        .node("Mul", "y", "sum", "gate")
        .output("y");
  }
}
