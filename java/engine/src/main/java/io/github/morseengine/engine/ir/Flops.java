package io.github.morseengine.engine.ir;

import io.github.morseengine.engine.tensor.Shapes;
import java.util.Arrays;

/** Estimates of arithmetic and traffic of nodes with static shapes. */
public final class Flops {

  private Flops() {}

  /**
   * Arithmetic operations of one execution; a multiply-add counts as two.
   *
   * @param node a node after inference
   * @return operations; elements of the output for everything but products
   */
  public static long of(Node node) {
    Value y = node.output(0);
    if (y == null || y.shape() == null) {
      return 0;
    }
    Value x = node.input(0);
    return switch (node.opType()) {
      case "Conv" -> {
        long[] w = node.input(1).shape();
        yield 2 * y.elements() * Shapes.elements(Arrays.copyOfRange(w, 1, w.length));
      }
      case "ConvTranspose" -> {
        long[] w = node.input(1).shape();
        yield 2 * x.elements() * Shapes.elements(Arrays.copyOfRange(w, 1, w.length));
      }
      case "MatMul", "Linear" -> 2 * y.elements() * x.shape()[x.rank() - 1];
      case "Gemm" ->
          2 * y.elements() * x.shape()[node.attributes().getInt("transA", 0) == 1 ? 0 : 1];
      case "Attention" -> {
        if (x.rank() != 4) {
          yield 4 * x.elements() * node.input(1).shape()[1];
        }
        long scores = x.elements() / Math.max(1, x.shape()[3]) * node.input(1).shape()[2];
        yield 2 * scores * (x.shape()[3] + node.input(2).shape()[3]);
      }
      case "Reshape",
          "Transpose",
          "Identity",
          "Squeeze",
          "Unsqueeze",
          "Flatten",
          "Split",
          "Slice",
          "Concat",
          "Expand",
          "Gather",
          "Cast" ->
          0;
      default -> y.elements();
    };
  }

  /**
   * Bytes that one execution reads and writes at least.
   *
   * @param node a node after inference
   * @return bytes of all inputs and outputs
   */
  public static long bytes(Node node) {
    long sum = 0;
    for (Value v : node.inputs()) {
      sum += bytes(v);
    }
    for (Value v : node.outputs()) {
      sum += bytes(v);
    }
    return sum;
  }

  private static long bytes(Value v) {
    return v == null || v.shape() == null ? 0 : v.elements() * v.dtype().bytes();
  }
}
