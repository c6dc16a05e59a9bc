package io.github.morseengine.engine.graph.infer;

import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.tensor.Shapes;
import java.util.Arrays;

/**
 * What inputs must be beyond what decides the shape of the output. Kernels trust these sizes: a
 * bias that is too short would be read past its end.
 */
final class OperandRules {

  private OperandRules() {}

  /**
   * Checks the inputs of a node.
   *
   * @param node a node whose inputs and outputs have types
   * @throws InvalidInputException if an input does not fit
   */
  static void check(Node node) {
    if (!node.domain().isEmpty()) {
      return;
    }
    Value x = node.input(0);
    Attributes a = node.attributes();
    switch (node.opType()) {
      case "Add",
          "Sub",
          "Mul",
          "Div",
          "Mod",
          "Max",
          "Min",
          "Sum",
          "Mean",
          "Equal",
          "Less",
          "LessOrEqual",
          "Greater",
          "GreaterOrEqual",
          "MatMul",
          "Concat",
          "Einsum" ->
          sameType(node);
      case "Conv" -> convolution(node, node.input(1).shape()[0]);
      case "ConvTranspose" -> {
        long group = a.getInt("group", 1);
        require(x.shape()[1] % group == 0, x + " does not divide into " + group + " groups");
        convolution(node, node.input(1).shape()[1] * group);
      }
      case "Gemm" -> {
        sameType(node);
        long[] y = node.output(0).shape();
        Value c = node.input(2);
        require(c == null || Arrays.equals(Shapes.broadcast(c.shape(), y), y), c + " as bias");
      }
      case "Softmax", "LogSoftmax" -> Shapes.axis(a.getInt("axis", -1), x.rank());
      case "InstanceNormalization" -> {
        require(x.rank() > 2, x + " has no positions to normalise over");
        parameters(node, x.shape()[1]);
      }
      case "GroupNormalization" -> {
        long groups = a.getInt("num_groups", 0);
        require(
            x.rank() > 2 && groups > 0 && x.shape()[1] % groups == 0,
            x + " does not divide into " + groups + " groups");
        parameters(node, node.opset() < 21 ? groups : x.shape()[1]);
      }
      case "LayerNormalization", "RMSNormalization" -> {
        sameType(node);
        int axis = Shapes.axis(a.getInt("axis", -1), x.rank());
        long[] rows = Arrays.copyOfRange(x.shape(), axis, x.rank());
        for (int i = 1; i < node.inputs().size(); i++) {
          Value p = node.input(i);
          require(
              p == null || Arrays.equals(Shapes.broadcast(p.shape(), rows), rows),
              p + " does not fit rows of " + Arrays.toString(rows));
        }
      }
      case "Attention" -> attention(node);
      default -> {}
    }
  }

  private static void convolution(Node node, long channels) {
    sameType(node);
    long[] w = node.input(1).shape();
    long[] kernel = node.attributes().getInts("kernel_shape");
    require(
        kernel == null || Arrays.equals(kernel, Arrays.copyOfRange(w, 2, w.length)),
        "kernel_shape " + Arrays.toString(kernel) + " for weights " + Arrays.toString(w));
    Value bias = node.input(2);
    require(bias == null || isVector(bias, channels), bias + " as bias of " + channels);
  }

  private static void parameters(Node node, long size) {
    sameType(node);
    for (int i = 1; i < 3; i++) {
      Value p = node.input(i);
      require(isVector(p, size), p + " does not have one element for each of " + size);
    }
  }

  private static void attention(Node node) {
    Value q = node.input(0);
    Value k = node.input(1);
    Value v = node.input(2);
    boolean four = q.rank() == 4;
    require(
        (four || q.rank() == 3) && k.rank() == q.rank() && v.rank() == q.rank(),
        "attention over " + q + ", " + k + " and " + v);
    Attributes a = node.attributes();
    long heads = four ? q.shape()[1] : a.getInt("q_num_heads", 0);
    long kvHeads = four ? k.shape()[1] : a.getInt("kv_num_heads", 0);
    int last = q.rank() - 1;
    long split = four ? 1 : heads;
    long kvSplit = four ? 1 : kvHeads;
    boolean divides = heads > 0 && kvHeads > 0 && heads % kvHeads == 0;
    require(
        divides
            && q.shape()[last] % split == 0
            && k.shape()[last] % kvSplit == 0
            && v.shape()[last] % kvSplit == 0
            && q.shape()[last] / split == k.shape()[last] / kvSplit
            && k.shape()[last - 1] == v.shape()[last - 1]
            && (!four || v.shape()[1] == kvHeads)
            && q.shape()[0] == k.shape()[0]
            && q.shape()[0] == v.shape()[0],
        "attention of " + heads + " and " + kvHeads + " heads over " + q + ", " + k + " and " + v);
    long keys = k.shape()[last - 1] + past(node, kvHeads, k.shape()[last] / kvSplit);
    Value mask = node.input(3);
    if (mask != null) {
      long[] scores = {q.shape()[0], heads, q.shape()[last - 1], keys};
      long[] covered = scores.clone();
      long width = mask.rank() == 0 ? 1 : mask.shape()[mask.rank() - 1];
      // Keys beyond the end of a mask are forbidden.
      covered[3] = width == 1 ? keys : Math.min(width, keys);
      require(
          Arrays.equals(Shapes.broadcast(mask.shape(), covered), covered),
          mask + " as mask of scores " + Arrays.toString(scores));
    }
    Value valid = node.input(6);
    require(valid == null || isVector(valid, q.shape()[0]), valid + " as numbers of valid keys");
    require(
        a.getInt("left_window_size", -1) >= -1 && a.getInt("right_window_size", -1) >= -1,
        "a window of negative size");
  }

  /** The length of the key cache in front, which must fit keys and values. */
  private static long past(Node node, long heads, long size) {
    Value keys = node.input(4);
    Value values = node.input(5);
    require((keys == null) == (values == null), "past keys need past values");
    if (keys == null) {
      return 0;
    }
    require(
        keys.rank() == 4
            && values.rank() == 4
            && keys.shape()[0] == node.input(0).shape()[0]
            && values.shape()[0] == keys.shape()[0]
            && keys.shape()[1] == heads
            && values.shape()[1] == heads
            && keys.shape()[2] == values.shape()[2]
            && keys.shape()[3] == size
            && node.input(6) == null,
        "past " + keys + " and " + values);
    return keys.shape()[2];
  }

  private static boolean isVector(Value v, long size) {
    return v.rank() == 1 && v.shape()[0] == size;
  }

  private static void sameType(Node node) {
    for (Value in : node.inputs()) {
      require(
          in == null || in.dtype() == node.input(0).dtype(),
          node.input(0) + " and " + in + " differ in type");
    }
  }

  private static void require(boolean fits, String otherwise) {
    if (!fits) {
      throw new InvalidInputException("inputs do not fit: " + otherwise);
    }
  }
}
