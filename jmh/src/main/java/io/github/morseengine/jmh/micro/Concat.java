package io.github.morseengine.jmh.micro;

import io.github.morseengine.jmh.OneOp;
import org.openjdk.jmh.annotations.Param;

/** A skip connection joined by channels. */
public class Concat extends OperatorBenchmark {

  /** Channels of each, side. */
  @Param({"96x16", "128x8", "160x4"})
  public String shape;

  /** Created by JMH. */
  public Concat() {}

  @Override
  protected String shape() {
    return shape;
  }

  @Override
  protected OneOp graph(long[] s) {
    return new OneOp("concat")
        .input("a", batch, s[0], s[1], s[1])
        .input("b", batch, s[0], s[1], s[1])
        .node("Concat", "y", "a", "b")
        .attribute("axis", 1)
        .output("y");
  }
}
