package io.github.morseengine.jmh.micro;

import io.github.morseengine.jmh.OneOp;
import org.openjdk.jmh.annotations.Param;

/** Projections of attention and of embeddings, with bias. */
public class Linear extends OperatorBenchmark {

  /** Rows per picture, input width, output width. */
  @Param({"1x256x192", "64x128x384", "64x128x128", "16x160x480"})
  public String shape;

  /** Created by JMH. */
  public Linear() {}

  @Override
  protected String shape() {
    return shape;
  }

  @Override
  protected OneOp graph(long[] s) {
    return new OneOp("linear")
        .input("x", batch, s[0], s[1])
        .weight("w", 0.08, s[1], s[2])
        .weight("b", 1, s[2])
        .node("MatMul", "p", "x", "w")
        .node("Add", "y", "p", "b")
        .output("y");
  }
}
