package io.github.morseengine.jmh.micro;

import io.github.morseengine.jmh.OneOp;
import org.openjdk.jmh.annotations.Param;

/** Softmax over keys. */
public class Softmax extends OperatorBenchmark {

  /** Heads, queries, keys. */
  @Param({"4x64x64", "4x16x16"})
  public String shape;

  /** Created by JMH. */
  public Softmax() {}

  @Override
  protected String shape() {
    return shape;
  }

  @Override
  protected OneOp graph(long[] s) {
    return new OneOp("softmax")
        .input("x", batch, s[0], s[1], s[2])
        .node("Softmax", "y", "x")
        .attribute("axis", -1)
        .output("y");
  }
}
