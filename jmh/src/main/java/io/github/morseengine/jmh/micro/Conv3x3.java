package io.github.morseengine.jmh.micro;

import io.github.morseengine.jmh.OneOp;
import org.openjdk.jmh.annotations.Param;

/** Convolutions of residual blocks, with bias. */
public class Conv3x3 extends OperatorBenchmark {

  /** Input channels, output channels, side. */
  @Param({"96x96x16", "192x96x16", "128x128x8", "256x128x8", "160x160x4"})
  public String shape;

  /** Created by JMH. */
  public Conv3x3() {}

  @Override
  protected String shape() {
    return shape;
  }

  @Override
  protected OneOp graph(long[] s) {
    return new OneOp("conv")
        .input("x", batch, s[0], s[2], s[2])
        .weight("w", 0.03, s[1], s[0], 3, 3)
        .weight("b", 1, s[1])
        .node("Conv", "y", "x", "w", "b")
        .ints("pads", 1, 1, 1, 1)
        .output("y");
  }
}
