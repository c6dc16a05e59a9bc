package io.github.morseengine.engine.ir;

import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.tensor.Shapes;
import io.github.morseengine.engine.tensor.Tensor;
import java.util.Arrays;

/**
 * A Resize with its scales and sizes resolved.
 *
 * @param output dimensions of the result
 * @param scales factor per dimension
 * @param starts where the region of interest begins, as a share of each dimension
 * @param ends where it ends; 0 and 1 unless the coordinates are tf_crop_and_resize
 */
public record ResizeSpec(long[] output, double[] scales, double[] starts, double[] ends) {

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
    Arrays.fill(factors, 1);
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
    double[] starts = new double[rank];
    double[] ends = new double[rank];
    Arrays.fill(ends, 1);
    Tensor roi = node.opset() < 11 ? null : present(in, 1);
    if (a.getString("coordinate_transformation_mode", "").equals("tf_crop_and_resize")) {
      if (roi == null || roi.elements() != 2L * named) {
        throw new InvalidInputException("tf_crop_and_resize needs a region of " + 2 * named);
      }
      for (int i = 0; i < named; i++) {
        int d = axes == null ? i : Shapes.axis(axes[i], rank);
        starts[d] = roi.getDouble(i);
        ends[d] = roi.getDouble(named + i);
      }
    }
    return new ResizeSpec(output, factors, starts, ends);
  }

  /**
   * Whether less than a whole dimension is taken.
   *
   * @param d the dimension
   * @return true if so
   */
  public boolean crops(int d) {
    return starts[d] != 0 || ends[d] != 1;
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
