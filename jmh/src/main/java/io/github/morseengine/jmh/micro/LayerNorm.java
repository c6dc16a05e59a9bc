package io.github.morseengine.jmh.micro;

import io.github.morseengine.jmh.OneOp;
import org.openjdk.jmh.annotations.Param;

/** Layer normalisation over the last dimension. */
public class LayerNorm extends OperatorBenchmark {

  /** Rows per picture, width. */
  @Param({"64x128", "16x160"})
  public String shape;

  /** Created by JMH. */
  public LayerNorm() {}

  @Override
  protected String shape() {
    return shape;
  }

  @Override
  protected OneOp graph(long[] s) {
    return new OneOp("norm")
        .input("x", batch, s[0], s[1])
        .weight("gamma", 1, s[1])
        .weight("beta", 1, s[1])
        .node("LayerNormalization", "y", "x", "gamma", "beta")
        .attribute("axis", -1)
        .output("y");
  }
}
