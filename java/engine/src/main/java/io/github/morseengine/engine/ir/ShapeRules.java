package io.github.morseengine.engine.ir;

import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.tensor.Shapes;
import io.github.morseengine.engine.tensor.Tensor;
import java.util.Arrays;
import java.util.TreeSet;

/**
 * Output shapes of operators that rename, cut or join dimensions; used by inference and reference.
 */
public final class ShapeRules {

  private ShapeRules() {}

  /**
   * Shape with its attributes start and end.
   *
   * @param node a Shape node
   * @param shape the input's dimensions
   * @return the selected dimensions
   */
  public static long[] shapeSlice(Node node, long[] shape) {
    long rank = shape.length;
    long start = node.attributes().getInt("start", 0);
    long end = node.attributes().getInt("end", rank);
    start = Math.clamp(start < 0 ? start + rank : start, 0, rank);
    end = Math.clamp(end < 0 ? end + rank : end, 0, rank);
    return Arrays.copyOfRange(shape, (int) start, (int) Math.max(start, end));
  }

  /**
   * Reshape with 0 and -1.
   *
   * @param node a Reshape node
   * @param shape the input's dimensions
   * @param target the wanted dimensions
   * @return the output's dimensions
   */
  public static long[] reshape(Node node, long[] shape, long[] target) {
    boolean allowZero = node.attributes().getInt("allowzero", 0) == 1;
    long[] out = target.clone();
    int open = -1;
    long known = 1;
    for (int i = 0; i < out.length; i++) {
      if (out[i] == 0 && !allowZero) {
        if (i >= shape.length) {
          throw bad("reshape copies dimension " + i + " of " + Arrays.toString(shape));
        }
        out[i] = shape[i];
      }
      if (out[i] == -1) {
        if (open >= 0) {
          throw bad("reshape to " + Arrays.toString(target) + " has two open dimensions");
        }
        open = i;
      } else if (out[i] < 0) {
        throw bad("reshape to the negative size " + out[i]);
      } else {
        known *= out[i];
      }
    }
    long elements = Shapes.elements(shape);
    if (open >= 0) {
      if (known == 0 || elements % known != 0) {
        throw bad("cannot reshape " + Arrays.toString(shape) + " to " + Arrays.toString(target));
      }
      out[open] = elements / known;
    }
    if (Shapes.elements(out) != elements) {
      throw bad("cannot reshape " + Arrays.toString(shape) + " to " + Arrays.toString(target));
    }
    return out;
  }

  /**
   * Flatten.
   *
   * @param node a Flatten node
   * @param shape the input's dimensions
   * @return two dimensions
   */
  public static long[] flatten(Node node, long[] shape) {
    long axis = node.attributes().getInt("axis", 1);
    axis = axis < 0 ? axis + shape.length : axis;
    if (axis < 0 || axis > shape.length) {
      throw bad("flatten axis " + axis + " is outside rank " + shape.length);
    }
    long rows = Shapes.elements(Arrays.copyOf(shape, (int) axis));
    return new long[] {rows, Shapes.elements(Arrays.copyOfRange(shape, (int) axis, shape.length))};
  }

  /**
   * Squeeze with its axes as input or attribute.
   *
   * @param node a Squeeze node
   * @param shape the input's dimensions
   * @param input axes given as input; null where absent
   * @return the output's dimensions
   */
  public static long[] squeeze(Node node, long[] shape, long[] input) {
    long[] axes = input != null ? input : node.attributes().getInts("axes");
    boolean[] drop = new boolean[shape.length];
    if (axes == null) {
      for (int i = 0; i < shape.length; i++) {
        drop[i] = shape[i] == 1;
      }
    } else {
      for (long a : axes) {
        int axis = Shapes.axis(a, shape.length);
        if (shape[axis] != 1) {
          throw bad("squeeze of axis " + a + " with size " + shape[axis] + ", not 1");
        }
        drop[axis] = true;
      }
    }
    long[] out = new long[shape.length];
    int n = 0;
    for (int i = 0; i < shape.length; i++) {
      if (!drop[i]) {
        out[n++] = shape[i];
      }
    }
    return Arrays.copyOf(out, n);
  }

  /**
   * Unsqueeze with its axes as input or attribute.
   *
   * @param node an Unsqueeze node
   * @param shape the input's dimensions
   * @param input axes given as input; null where absent
   * @return the output's dimensions
   */
  public static long[] unsqueeze(Node node, long[] shape, long[] input) {
    long[] axes = input != null ? input : node.attributes().getInts("axes");
    if (axes == null) {
      throw bad("unsqueeze has no axes");
    }
    int rank = shape.length + axes.length;
    TreeSet<Integer> at = new TreeSet<>();
    for (long a : axes) {
      if (!at.add(Shapes.axis(a, rank))) {
        throw bad("unsqueeze names axis " + a + " twice");
      }
    }
    long[] out = new long[rank];
    int from = 0;
    for (int i = 0; i < rank; i++) {
      out[i] = at.contains(i) ? 1 : shape[from++];
    }
    return out;
  }

  /**
   * Length of a Range.
   *
   * @param start first value
   * @param limit end, not included
   * @param delta step, not 0
   * @return number of elements
   */
  public static long rangeLength(Tensor start, Tensor limit, Tensor delta) {
    if (start.dtype().isFloat()) {
      double span = limit.getDouble(0) - start.getDouble(0);
      return Math.max(0, (long) Math.ceil(span / delta.getDouble(0)));
    }
    long span = limit.getLong(0) - start.getLong(0);
    return Math.max(0, Math.ceilDiv(span, delta.getLong(0)));
  }

  /**
   * The region that a Slice reads.
   *
   * @param start first index per dimension
   * @param step step per dimension, not 0
   * @param shape output dimensions
   */
  public record Region(long[] start, long[] step, long[] shape) {}

  /**
   * Resolves the starts, ends, axes and steps of a Slice.
   *
   * @param shape the input's dimensions
   * @param starts first indices
   * @param ends end indices, not included
   * @param axes axes they refer to; null for the first ones
   * @param steps steps; null for ones
   * @return the region
   */
  public static Region slice(long[] shape, long[] starts, long[] ends, long[] axes, long[] steps) {
    int rank = shape.length;
    long[] start = new long[rank];
    long[] step = new long[rank];
    Arrays.fill(step, 1);
    long[] out = shape.clone();
    for (int i = 0; i < starts.length; i++) {
      int d = axes == null ? i : Shapes.axis(axes[i], rank);
      long s = steps == null ? 1 : steps[i];
      long n = shape[d];
      if (s == 0) {
        throw bad("slice with step 0");
      }
      long from = starts[i] < 0 ? starts[i] + n : starts[i];
      long to = ends[i] < 0 ? Math.max(ends[i] + n, -1) : ends[i];
      if (s > 0) {
        from = Math.clamp(from, 0, n);
        to = Math.clamp(to, 0, n);
        out[d] = Math.max(0, Math.ceilDiv(to - from, s));
      } else {
        from = Math.clamp(from, 0, Math.max(0, n - 1));
        to = Math.clamp(to, -1, n - 1);
        out[d] = n == 0 ? 0 : Math.max(0, Math.ceilDiv(to - from, s));
      }
      start[d] = from;
      step[d] = s;
    }
    return new Region(start, step, out);
  }

  /**
   * Sizes of the parts of a Split.
   *
   * @param node a Split node
   * @param size the size of the split axis
   * @param input sizes given as input; null where absent
   * @return one size per output
   */
  public static long[] split(Node node, long size, long[] input) {
    long[] parts = input != null ? input : node.attributes().getInts("split");
    if (parts == null) {
      int count = (int) node.attributes().getInt("num_outputs", node.outputs().size());
      parts = new long[count];
      long each = Math.ceilDiv(size, (long) count);
      for (int i = 0; i < count; i++) {
        parts[i] = Math.max(0, Math.min(each, size - i * each));
      }
    }
    long sum = 0;
    for (long p : parts) {
      if (p < 0) {
        throw bad("split into a part of negative size");
      }
      sum += p;
    }
    if (sum != size) {
      throw bad("split sizes " + Arrays.toString(parts) + " do not add up to " + size);
    }
    return parts;
  }

  /**
   * Axes of a reduction.
   *
   * @param node a Reduce node
   * @param rank the input's rank
   * @param input axes given as input; null where absent
   * @return which dimensions are reduced; null if the operator does nothing
   */
  public static boolean[] reduced(Node node, int rank, long[] input) {
    long[] axes = input != null ? input : node.attributes().getInts("axes");
    boolean[] out = new boolean[rank];
    if (axes == null || axes.length == 0) {
      if (node.attributes().getInt("noop_with_empty_axes", 0) == 1) {
        return null;
      }
      Arrays.fill(out, true);
    } else {
      for (long a : axes) {
        out[Shapes.axis(a, rank)] = true;
      }
    }
    return out;
  }

  /**
   * Dimensions after a reduction.
   *
   * @param shape the input's dimensions
   * @param reduced which are reduced
   * @param keep whether reduced ones stay as 1
   * @return the output's dimensions
   */
  public static long[] reduce(long[] shape, boolean[] reduced, boolean keep) {
    long[] out = new long[shape.length];
    int n = 0;
    for (int i = 0; i < shape.length; i++) {
      if (!reduced[i]) {
        out[n++] = shape[i];
      } else if (keep) {
        out[n++] = 1;
      }
    }
    return Arrays.copyOf(out, n);
  }

  /**
   * MatMul as numpy does it.
   *
   * @param a left dimensions
   * @param b right dimensions
   * @return the output's dimensions
   */
  public static long[] matmul(long[] a, long[] b) {
    if (a.length == 0 || b.length == 0) {
      throw bad("matrix product of a scalar");
    }
    long[] left = a.length == 1 ? new long[] {1, a[0]} : a;
    long[] right = b.length == 1 ? new long[] {b[0], 1} : b;
    long[] batch =
        Shapes.broadcast(
            Arrays.copyOf(left, left.length - 2), Arrays.copyOf(right, right.length - 2));
    if (batch == null || left[left.length - 1] != right[right.length - 2]) {
      throw bad("cannot multiply " + Arrays.toString(a) + " by " + Arrays.toString(b));
    }
    long[] out = Arrays.copyOf(batch, batch.length + 2);
    int n = batch.length;
    if (a.length > 1) {
      out[n++] = left[left.length - 2];
    }
    if (b.length > 1) {
      out[n++] = right[right.length - 1];
    }
    return Arrays.copyOf(out, n);
  }

  /**
   * Transposition.
   *
   * @param node a Transpose node
   * @param rank the input's rank
   * @return the permutation, reversed order where it is absent
   */
  public static int[] permutation(Node node, int rank) {
    long[] perm = node.attributes().getInts("perm");
    int[] out = new int[rank];
    if (perm != null && perm.length != rank) {
      throw bad("permutation " + Arrays.toString(perm) + " for rank " + rank);
    }
    boolean[] seen = new boolean[rank];
    for (int i = 0; i < rank; i++) {
      out[i] = perm == null ? rank - 1 - i : Shapes.axis(perm[i], rank);
      if (seen[out[i]]) {
        throw bad("permutation " + Arrays.toString(perm) + " names an axis twice");
      }
      seen[out[i]] = true;
    }
    return out;
  }

  /**
   * Pad amounts per dimension.
   *
   * @param rank the input's rank
   * @param pads starts, then ends, per named axis
   * @param axes named axes; null for all
   * @return starts of all dimensions, then ends
   */
  public static long[] pads(int rank, long[] pads, long[] axes) {
    if (pads.length != 2 * (axes == null ? rank : axes.length)) {
      throw bad("pads " + Arrays.toString(pads) + " do not fit rank " + rank);
    }
    long[] out = new long[2 * rank];
    int n = pads.length / 2;
    for (int i = 0; i < n; i++) {
      int d = axes == null ? i : Shapes.axis(axes[i], rank);
      out[d] = pads[i];
      out[rank + d] = pads[n + i];
    }
    return out;
  }

  static InvalidInputException bad(String what) {
    return new InvalidInputException(what);
  }
}
