package io.github.morseengine.jmh.micro;

import io.github.morseengine.jmh.OneOp;
import org.openjdk.jmh.annotations.Param;

/** Nearest-neighbour doubling and the convolution after it. */
public class ResizeConv extends OperatorBenchmark {

  /** Input channels, output channels, side of the input. */
  @Param({"128x96x8", "160x128x4"})
  public String shape;

  /** Created by JMH. */
  public ResizeConv() {}

  @Override
  protected String shape() {
    return shape;
  }

  @Override
  protected OneOp graph(long[] s) {
    return new OneOp("resize")
        .input("x", batch, s[0], s[2], s[2])
        .weight("w", 0.03, s[1], s[0], 3, 3)
        .weight("b", 1, s[1])
        .floats("scales", new float[] {1, 1, 2, 2}, 4)
        .node("Resize", "u", "x", "", "scales")
        .attribute("mode", "nearest")
        .attribute("nearest_mode", "floor")
        .attribute("coordinate_transformation_mode", "asymmetric")
        .node("Conv", "y", "u", "w", "b")
        .ints("pads", 1, 1, 1, 1)
        .output("y");
  }
}
