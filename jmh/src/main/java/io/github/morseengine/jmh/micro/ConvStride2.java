package io.github.morseengine.jmh.micro;

import io.github.morseengine.jmh.OneOp;
import org.openjdk.jmh.annotations.Param;

/** Convolutions that halve each side. */
public class ConvStride2 extends OperatorBenchmark {

  /** Input channels, output channels, side of the input. */
  @Param({"96x128x16", "128x160x8"})
  public String shape;

  /** Created by JMH. */
  public ConvStride2() {}

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
        .ints("strides", 2, 2)
        .output("y");
  }
}
