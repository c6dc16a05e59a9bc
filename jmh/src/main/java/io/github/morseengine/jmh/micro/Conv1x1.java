package io.github.morseengine.jmh.micro;

import io.github.morseengine.jmh.OneOp;
import org.openjdk.jmh.annotations.Param;

/** Shortcuts of residual blocks. */
public class Conv1x1 extends OperatorBenchmark {

  /** Input channels, output channels, side. */
  @Param({"192x96x16", "256x128x8", "320x160x4"})
  public String shape;

  /** Created by JMH. */
  public Conv1x1() {}

  @Override
  protected String shape() {
    return shape;
  }

  @Override
  protected OneOp graph(long[] s) {
    return new OneOp("conv")
        .input("x", batch, s[0], s[2], s[2])
        .weight("w", 0.07, s[1], s[0], 1, 1)
        .weight("b", 1, s[1])
        .node("Conv", "y", "x", "w", "b")
        .output("y");
  }
}
