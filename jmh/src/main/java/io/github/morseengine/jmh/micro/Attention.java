package io.github.morseengine.jmh.micro;

import io.github.morseengine.jmh.OneOp;
import org.openjdk.jmh.annotations.Param;

/** Scaled dot-product attention: product, softmax, product. */
public class Attention extends OperatorBenchmark {

  /** Heads, positions, head size. */
  @Param({"4x64x32", "4x16x40"})
  public String shape;

  /** Created by JMH. */
  public Attention() {}

  @Override
  protected String shape() {
    return shape;
  }

  @Override
  protected OneOp graph(long[] s) {
    float scale = (float) (1 / Math.sqrt(s[2]));
    return new OneOp("attention")
        .input("q", batch, s[0], s[1], s[2])
        .input("k", batch, s[0], s[1], s[2])
        .input("v", batch, s[0], s[1], s[2])
        .floats("scale", new float[] {scale})
        .node("Transpose", "kt", "k")
        .ints("perm", 0, 1, 3, 2)
        .node("MatMul", "products", "q", "kt")
        .node("Mul", "scores", "products", "scale")
        .node("Softmax", "weights", "scores")
        .attribute("axis", -1)
        .node("MatMul", "y", "weights", "v")
        .output("y");
  }
}
