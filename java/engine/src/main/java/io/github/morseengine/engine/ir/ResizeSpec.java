package io.github.morseengine.engine.ir;

import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.error.UnsupportedOpException;
import io.github.morseengine.engine.tensor.Shapes;
import io.github.morseengine.engine.tensor.Tensor;

/**
 * A Resize with its scales and sizes resolved.
 *
 * @param output dimensions of the result
 * @param scales factor per dimension
 */
public record ResizeSpec(long[] output, double[] scales) {

  /**
   * Resolves the inputs of a Resize node (opset 10 and later).
   *
   * @param node the node
   * @param shape the input's dimensions
   * @param in its inputs: X, roi, scales, sizes (X, scales in opset 10); entries may be null
   * @return the resolved form
   */
  public static ResizeSpec of(Node node, long[] shape, Tensor[] in) {
    Attributes a = node.attributes();
    if (a.getString("coordinate_transformation_mode", "").equals("tf_crop_and_resize")) {
      throw new UnsupportedOpException("node '" + node.name() + "': tf_crop_and_resize");
    }
    int first = node.opset() < 11 ? 1 : 2;
    Tensor scales = present(in, first);
    Tensor sizes = node.opset() < 11 ? null : present(in, 3);
    long[] axes = a.getInts("axes");
    int rank = shape.length;
    int named = axes == null ? rank : axes.length;
    Tensor given = sizes == null ? scales : sizes;
    if (given == null || given.elements() != named) {
      throw new InvalidInputException("resize needs scales or sizes for " + named + " dimensions");
    }
    long[] output = shape.clone();
    double[] factors = new double[rank];
    java.util.Arrays.fill(factors, 1);
    for (int i = 0; i < named; i++) {
      int d = axes == null ? i : Shapes.axis(axes[i], rank);
      if (sizes != null) {
        output[d] = sizes.getLong(i);
        factors[d] = shape[d] == 0 ? 1 : (double) output[d] / shape[d];
      } else {
        factors[d] = scales.getDouble(i);
        output[d] = (long) Math.floor(shape[d] * factors[d]);
      }
    }
    String policy = a.getString("keep_aspect_ratio_policy", "stretch");
    if (sizes != null && !policy.equals("stretch")) {
      keepAspect(policy.equals("not_larger"), shape, output, factors, axes);
    }
    for (double f : factors) {
      if (!(f > 0)) {
        throw new InvalidInputException("resize by the factor " + f);
      }
    }
    return new ResizeSpec(output, factors);
  }

  private static void keepAspect(
      boolean smallest, long[] shape, long[] output, double[] factors, long[] axes) {
    double best = smallest ? Double.POSITIVE_INFINITY : 0;
    int named = axes == null ? shape.length : axes.length;
    for (int i = 0; i < named; i++) {
      double f = factors[axes == null ? i : Shapes.axis(axes[i], shape.length)];
      best = smallest ? Math.min(best, f) : Math.max(best, f);
    }
    for (int i = 0; i < named; i++) {
      int d = axes == null ? i : Shapes.axis(axes[i], shape.length);
      factors[d] = best;
      output[d] = (long) Math.floor(shape[d] * best + 0.5);
    }
  }

  private static Tensor present(Tensor[] in, int i) {
    return i < in.length && in[i] != null && in[i].elements() > 0 ? in[i] : null;
  }
}
