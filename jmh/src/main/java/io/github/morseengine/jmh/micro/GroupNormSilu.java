package io.github.morseengine.jmh.micro;

import io.github.morseengine.jmh.OneOp;
import org.openjdk.jmh.annotations.Param;

/** Group normalisation with SiLU, as exporters write it. */
public class GroupNormSilu extends OperatorBenchmark {

  /** Channels, side, groups. */
  @Param({"96x16x8", "192x16x8", "128x8x8", "160x4x8"})
  public String shape;

  /** Created by JMH. */
  public GroupNormSilu() {}

  @Override
  protected String shape() {
    return shape;
  }

  @Override
  protected OneOp graph(long[] s) {
    float[] ones = new float[(int) s[2]];
    java.util.Arrays.fill(ones, 1);
    return new OneOp("norm")
        .input("x", batch, s[0], s[1], s[1])
        .longs("groups", 0, s[2], -1)
        .longs("back", batch, s[0], s[1], s[1])
        .floats("ones", ones, s[2])
        .floats("zeros", new float[(int) s[2]], s[2])
        .weight("gamma", 1, s[0], 1, 1)
        .weight("beta", 1, s[0], 1, 1)
        .node("Reshape", "grouped", "x", "groups")
        .node("InstanceNormalization", "normal", "grouped", "ones", "zeros")
        .node("Reshape", "n", "normal", "back")
        .node("Mul", "scaled", "n", "gamma")
        .node("Add", "h", "scaled", "beta")
        .node("Sigmoid", "g", "h")
        .node("Mul", "y", "h", "g")
        .output("y");
  }
}
