package io.github.morseengine.engine.backend.plan;

import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.ShapeRules;
import io.github.morseengine.engine.tensor.Shapes;
import java.lang.foreign.Arena;
import java.util.Arrays;

/** Operators that only rename, cut, repeat or join: views where strides allow, else one copy. */
public final class ViewLowering {

  private ViewLowering() {}

  /**
   * Lowers an operator that renames, cuts or repeats.
   *
   * @param p the plan
   * @param node the operator; its parameters are constants
   * @return false if it is none of these
   */
  public static boolean lower(Placement p, Node node) {
    View x = p.get(node.input(0));
    View y =
        switch (node.opType()) {
          case "Identity", "Dropout" -> x;
          case "Reshape", "Flatten", "Squeeze", "Unsqueeze" ->
              reshape(p, x, node.output(0).shape());
          case "Transpose" -> x.transpose(ShapeRules.permutation(node, x.rank()));
          case "Expand" -> x.expand(node.output(0).shape());
          case "Slice" -> slice(node, x);
          case "DepthToSpace" -> depthToSpace(p, node, x);
          case "SpaceToDepth" ->
              node.attributes().getString("mode", "DCR").equals("DCR")
                  ? spaceToDepth(p, node, x)
                  : null;
          default -> null;
        };
    if (y == null) {
      return false;
    }
    p.put(node.output(0), y);
    return true;
  }

  private static View reshape(Placement p, View x, long[] shape) {
    View y = x.reshape(shape);
    return y != null ? y : p.dense(x).reshape(shape);
  }

  /**
   * A parameter of integers.
   *
   * @param node the operator
   * @param i index of a constant input
   * @return its elements; null where it is absent
   */
  public static long[] longs(Node node, int i) {
    return node.input(i) == null
        ? null
        : node.input(i).constant().materialize(Arena.ofAuto()).toLongs();
  }

  private static View slice(Node node, View x) {
    Attributes a = node.attributes();
    ShapeRules.Region r =
        node.inputs().size() == 1
            ? ShapeRules.slice(
                x.shape(), a.getInts("starts"), a.getInts("ends"), a.getInts("axes"), null)
            : ShapeRules.slice(
                x.shape(), longs(node, 1), longs(node, 2), longs(node, 3), longs(node, 4));
    return x.slice(r.start(), r.step(), r.shape());
  }

  /**
   * Lowers Split to views.
   *
   * @param p the plan
   * @param node the operator
   */
  public static void split(Placement p, Node node) {
    View x = p.get(node.input(0));
    int axis = Shapes.axis(node.attributes().getInt("axis", 0), x.rank());
    long[] start = new long[x.rank()];
    long[] step = new long[x.rank()];
    Arrays.fill(step, 1);
    for (int i = 0; i < node.outputs().size(); i++) {
      if (node.output(i) != null) {
        p.put(node.output(i), x.slice(start, step, node.output(i).shape()));
        start[axis] += node.output(i).shape()[axis];
      } else {
        start[axis] += ShapeRules.split(node, x.shape()[axis], longs(node, 1))[i];
      }
    }
  }

  /**
   * Lowers Tile to one copy of a repeated view.
   *
   * @param p the plan
   * @param node the operator
   * @return true
   */
  public static boolean tile(Placement p, Node node) {
    View x = p.get(node.input(0));
    long[] shape = node.output(0).shape();
    int rank = x.rank();
    long[] wide = new long[2 * rank];
    long[] strides = new long[2 * rank];
    for (int d = 0; d < rank; d++) {
      wide[2 * d] = x.shape()[d] == 0 ? 0 : shape[d] / x.shape()[d];
      wide[2 * d + 1] = x.shape()[d];
      strides[2 * d + 1] = x.strides()[d];
    }
    View repeated = new View(x.slot(), x.offset(), x.dtype(), wide, strides);
    View y = p.allocateDense(x.dtype(), wide);
    p.copy(repeated, y, "Tile");
    p.put(node.output(0), y.reshape(shape));
    return true;
  }

  /**
   * Lowers Concat to a copy of each part.
   *
   * @param p the plan
   * @param node the operator
   */
  public static void concat(Placement p, Node node) {
    long[] shape = node.output(0).shape();
    View first = p.get(node.input(0));
    int axis = Shapes.axis(node.attributes().getInt("axis", 0), shape.length);
    boolean last = shape.length >= 4 && anyChannelsLast(p, node);
    View y =
        last
            ? p.allocate(first.dtype(), shape, View.channelsLast(shape))
            : p.allocateDense(first.dtype(), shape);
    long[] start = new long[shape.length];
    long[] step = new long[shape.length];
    Arrays.fill(step, 1);
    for (int i = 0; i < node.inputs().size(); i++) {
      View part = p.get(node.input(i));
      if (part.elements() > 0) {
        p.copy(part, y.slice(start, step, part.shape()), "Concat");
      }
      start[axis] += part.shape()[axis];
    }
    p.put(node.output(0), y);
  }

  private static boolean anyChannelsLast(Placement p, Node node) {
    for (int i = 0; i < node.inputs().size(); i++) {
      View v = p.get(node.input(i));
      if (v.isChannelsLast() && !v.isDense()) {
        return true;
      }
    }
    return false;
  }

  private static View depthToSpace(Placement p, Node node, View x) {
    long b = node.attributes().getInt("blocksize", 1);
    long n = x.shape()[0];
    long c = x.shape()[1] / (b * b);
    long h = x.shape()[2];
    long w = x.shape()[3];
    boolean crd = node.attributes().getString("mode", "DCR").equals("CRD");
    View six = reshape(p, x, crd ? new long[] {n, c, b, b, h, w} : new long[] {n, b, b, c, h, w});
    View moved = crd ? six.transpose(0, 1, 4, 2, 5, 3) : six.transpose(0, 3, 4, 1, 5, 2);
    return joined(p, moved, new long[] {n, c, h * b, w * b});
  }

  private static View spaceToDepth(Placement p, Node node, View x) {
    long b = node.attributes().getInt("blocksize", 1);
    long n = x.shape()[0];
    long c = x.shape()[1];
    long h = x.shape()[2] / b;
    long w = x.shape()[3] / b;
    View six = reshape(p, x, new long[] {n, c, h, b, w, b}).transpose(0, 3, 5, 1, 2, 4);
    // Channels innermost, as the convolution that follows wants them.
    long[] strides = {b * b * c * h * w, b * c, c, 1, w * b * b * c, b * b * c};
    return reshape(p, p.as(six, strides), new long[] {n, c * b * b, h, w});
  }

  private static View joined(Placement p, View six, long[] shape) {
    View y = six.reshape(shape);
    return y != null ? y : p.dense(six).reshape(shape);
  }
}
