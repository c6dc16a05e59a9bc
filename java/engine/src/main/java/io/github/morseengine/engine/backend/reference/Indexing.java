package io.github.morseengine.engine.backend.reference;

import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.error.UnsupportedOpException;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.tensor.Shapes;
import io.github.morseengine.engine.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/** Operators that read or write where an index tensor says. */
final class Indexing {

  private Indexing() {}

  static Tensor run(Node node, Tensor[] in) {
    return switch (node.opType()) {
      case "Gather" -> gather(node, in[0], in[1]);
      case "GatherElements" -> gatherElements(node, in[0], in[1]);
      case "GatherND" -> gatherNd(node, in[0], in[1]);
      case "ScatterND" -> scatterNd(node, in);
      case "ScatterElements" -> scatterElements(node, in);
      case "OneHot" -> oneHot(node, in);
      default -> throw new UnsupportedOpException("operator " + node.opType() + " is unknown");
    };
  }

  private static long index(long i, long n) {
    long resolved = i < 0 ? i + n : i;
    if (resolved < 0 || resolved >= n) {
      throw new InvalidInputException("index " + i + " is outside 0 to " + (n - 1));
    }
    return resolved;
  }

  private static Tensor gather(Node node, Tensor x, Tensor indices) {
    int axis = Shapes.axis(node.attributes().getInt("axis", 0), x.rank());
    long[] shape = x.shape();
    long outer = Shapes.elements(Arrays.copyOf(shape, axis));
    long inner = Shapes.elements(Arrays.copyOfRange(shape, axis + 1, shape.length));
    long[] out = new long[axis + indices.rank() + shape.length - axis - 1];
    System.arraycopy(shape, 0, out, 0, axis);
    System.arraycopy(indices.shape(), 0, out, axis, indices.rank());
    System.arraycopy(shape, axis + 1, out, axis + indices.rank(), shape.length - axis - 1);
    Tensor result = Tensor.allocate(x.dtype(), out);
    long row = inner * x.dtype().bytes();
    long count = indices.elements();
    for (long o = 0; o < outer; o++) {
      for (long k = 0; k < count; k++) {
        long from = o * shape[axis] + index(indices.getLong(k), shape[axis]);
        MemorySegment.copy(x.data(), from * row, result.data(), (o * count + k) * row, row);
      }
    }
    return result;
  }

  private static Tensor gatherElements(Node node, Tensor x, Tensor indices) {
    int axis = Shapes.axis(node.attributes().getInt("axis", 0), x.rank());
    long[] strides = Shapes.strides(x.shape());
    Tensor out = Tensor.allocate(x.dtype(), indices.shape());
    long[] at = new long[x.rank()];
    int bytes = x.dtype().bytes();
    for (long i = 0; i < out.elements(); i++) {
      long from = index(indices.getLong(i), x.dim(axis)) * strides[axis];
      for (int d = 0; d < at.length; d++) {
        from += d == axis ? 0 : at[d] * strides[d];
      }
      MemorySegment.copy(x.data(), from * bytes, out.data(), i * bytes, bytes);
      for (int d = at.length - 1; d >= 0 && ++at[d] == indices.dim(d); d--) {
        at[d] = 0;
      }
    }
    return out;
  }

  private static Tensor gatherNd(Node node, Tensor x, Tensor indices) {
    int batch = (int) node.attributes().getInt("batch_dims", 0);
    int depth = (int) indices.dim(indices.rank() - 1);
    long[] shape = new long[indices.rank() - 1 + x.rank() - batch - depth];
    System.arraycopy(indices.shape(), 0, shape, 0, indices.rank() - 1);
    System.arraycopy(x.shape(), batch + depth, shape, indices.rank() - 1, x.rank() - batch - depth);
    Tensor out = Tensor.allocate(x.dtype(), shape);
    long[] strides = Shapes.strides(x.shape());
    long batches = Shapes.elements(Arrays.copyOf(x.shape(), batch));
    long perBatch = batches == 0 ? 0 : x.elements() / batches;
    long tuples = indices.elements() / Math.max(1, depth);
    long inner = tuples == 0 ? 0 : out.byteSize() / tuples;
    for (long t = 0; t < tuples; t++) {
      long from = t / Math.max(1, tuples / Math.max(1, batches)) * (batch == 0 ? 0 : perBatch);
      for (int d = 0; d < depth; d++) {
        from += index(indices.getLong(t * depth + d), x.dim(batch + d)) * strides[batch + d];
      }
      MemorySegment.copy(x.data(), from * x.dtype().bytes(), out.data(), t * inner, inner);
    }
    return out;
  }

  private static Tensor scatterNd(Node node, Tensor[] in) {
    String reduction = node.attributes().getString("reduction", "none");
    Tensor x = in[0];
    Tensor out = Tensor.allocate(x.dtype(), x.shape());
    out.data().copyFrom(x.data());
    int depth = (int) in[1].dim(in[1].rank() - 1);
    long[] strides = Shapes.strides(x.shape());
    long tuples = in[1].elements() / Math.max(1, depth);
    long inner = tuples == 0 ? 0 : in[2].elements() / tuples;
    for (long t = 0; t < tuples; t++) {
      long to = 0;
      for (int d = 0; d < depth; d++) {
        to += index(in[1].getLong(t * depth + d), x.dim(d)) * strides[d];
      }
      for (long i = 0; i < inner; i++) {
        put(out, to + i, in[2], t * inner + i, reduction);
      }
    }
    return out;
  }

  private static Tensor scatterElements(Node node, Tensor[] in) {
    Tensor x = in[0];
    int axis = Shapes.axis(node.attributes().getInt("axis", 0), x.rank());
    String reduction = node.attributes().getString("reduction", "none");
    long[] strides = Shapes.strides(x.shape());
    Tensor out = Tensor.allocate(x.dtype(), x.shape());
    out.data().copyFrom(x.data());
    long[] at = new long[x.rank()];
    for (long i = 0; i < in[1].elements(); i++) {
      long to = index(in[1].getLong(i), x.dim(axis)) * strides[axis];
      for (int d = 0; d < at.length; d++) {
        to += d == axis ? 0 : at[d] * strides[d];
      }
      put(out, to, in[2], i, reduction);
      for (int d = at.length - 1; d >= 0 && ++at[d] == in[1].dim(d); d--) {
        at[d] = 0;
      }
    }
    return out;
  }

  private static void put(Tensor out, long to, Tensor updates, long from, String reduction) {
    if (!out.dtype().isFloat()) {
      long old = out.getLong(to);
      long by = updates.getLong(from);
      out.setLong(
          to,
          switch (reduction) {
            case "add" -> old + by;
            case "mul" -> old * by;
            case "max" -> Math.max(old, by);
            case "min" -> Math.min(old, by);
            default -> by;
          });
      return;
    }
    double old = out.getDouble(to);
    double by = updates.getDouble(from);
    out.setDouble(
        to,
        switch (reduction) {
          case "add" -> old + by;
          case "mul" -> old * by;
          case "max" -> Math.max(old, by);
          case "min" -> Math.min(old, by);
          default -> by;
        });
  }

  private static Tensor oneHot(Node node, Tensor[] in) {
    long depth = in[1].getLong(0);
    int axis = Shapes.axis(node.attributes().getInt("axis", -1), in[0].rank() + 1);
    long[] shape = new long[in[0].rank() + 1];
    for (int d = 0; d < shape.length; d++) {
      shape[d] = d < axis ? in[0].dim(d) : d == axis ? depth : in[0].dim(d - 1);
    }
    Tensor out = Tensor.allocate(in[2].dtype(), shape);
    long inner = Shapes.elements(Arrays.copyOfRange(shape, axis + 1, shape.length));
    for (long i = 0; i < out.elements(); i++) {
      long k = i / inner % depth;
      long source = i / (inner * depth) * inner + i % inner;
      long want = in[0].getLong(source);
      out.setDouble(i, in[2].getDouble((want < 0 ? want + depth : want) == k ? 1 : 0));
    }
    return out;
  }
}
