package io.github.morseengine.jmh.micro;

import io.github.morseengine.jmh.OneOp;
import org.openjdk.jmh.annotations.Param;

/** Convolution, residual and SiLU in one kernel. */
public class Conv3x3ResidualSilu extends OperatorBenchmark {

  /** Channels, side. */
  @Param({"96x16", "128x8", "160x4"})
  public String shape;

  /** Created by JMH. */
  public Conv3x3ResidualSilu() {}

  @Override
  protected String shape() {
    return shape;
  }

  @Override
  protected OneOp graph(long[] s) {
    return new OneOp("conv")
        .input("x", batch, s[0], s[1], s[1])
        .input("r", batch, s[0], s[1], s[1])
        .weight("w", 0.03, s[0], s[0], 3, 3)
        .weight("b", 1, s[0])
        .node("Conv", "c", "x", "w", "b")
        .ints("pads", 1, 1, 1, 1)
        .node("Add", "h", "c", "r")
        .node("Sigmoid", "g", "h")
        .node("Mul", "y", "h", "g")
        .output("y");
  }
}
