package io.github.morseengine.engine.backend.reference;

import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.error.UnsupportedOpException;
import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.ShapeRules;
import io.github.morseengine.engine.tensor.Shapes;
import io.github.morseengine.engine.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/** Operators that move elements without computing. */
final class Movement {

  private Movement() {}

  static Tensor run(Node node, Tensor[] in) {
    Tensor x = in[0];
    return switch (node.opType()) {
      case "Transpose" -> transpose(x, ShapeRules.permutation(node, x.rank()));
      case "Concat" -> concat(in, Shapes.axis(node.attributes().getInt("axis", 0), x.rank()));
      case "Slice" -> slice(x, region(node, in));
      case "Expand" -> expand(x, in[1].toLongs());
      case "Tile" -> tile(x, in[1].toLongs());
      case "Pad" -> pad(node, in);
      case "DepthToSpace" -> depthToSpace(node, x);
      case "SpaceToDepth" -> spaceToDepth(node, x);
      case "Trilu" -> trilu(node, x, in);
      default -> throw new UnsupportedOpException("operator " + node.opType() + " is unknown");
    };
  }

  /** Copies the elements at the offsets of a walk; the basis of all movement. */
  static Tensor gather(Tensor x, long[] shape, Walk walk) {
    Tensor out = Tensor.allocate(x.dtype(), shape);
    int bytes = x.dtype().bytes();
    for (long i = 0; i < out.elements(); i++) {
      MemorySegment.copy(x.data(), walk.next() * bytes, out.data(), i * bytes, bytes);
    }
    return out;
  }

  static Tensor transpose(Tensor x, int... perm) {
    long[] strides = Shapes.strides(x.shape());
    long[] shape = new long[perm.length];
    long[] steps = new long[perm.length];
    for (int i = 0; i < perm.length; i++) {
      shape[i] = x.dim(perm[i]);
      steps[i] = strides[perm[i]];
    }
    return gather(x, shape, new Walk(shape, steps, 0));
  }

  static Tensor concat(Tensor[] in, int axis) {
    long[] shape = in[0].shape();
    long total = 0;
    for (Tensor t : in) {
      for (int d = 0; d < shape.length; d++) {
        if (t.rank() != shape.length || d != axis && t.dim(d) != shape[d]) {
          throw new InvalidInputException("cannot join " + Arrays.toString(in));
        }
      }
      total += t.dim(axis);
    }
    shape[axis] = total;
    Tensor out = Tensor.allocate(in[0].dtype(), shape);
    long outer = Shapes.elements(Arrays.copyOf(shape, axis));
    long row = out.byteSize() / Math.max(1, outer);
    long at = 0;
    for (Tensor t : in) {
      long part = t.byteSize() / Math.max(1, outer);
      for (long o = 0; o < outer; o++) {
        MemorySegment.copy(t.data(), o * part, out.data(), o * row + at, part);
      }
      at += part;
    }
    return out;
  }

  static Tensor[] split(Node node, Tensor[] in) {
    Tensor x = in[0];
    int axis = Shapes.axis(node.attributes().getInt("axis", 0), x.rank());
    long[] parts = ShapeRules.split(node, x.dim(axis), Shaping.longs(in, 1));
    Tensor[] out = new Tensor[parts.length];
    long at = 0;
    for (int i = 0; i < parts.length; i++) {
      long[] start = {at};
      long[] end = {at + parts[i]};
      out[i] = slice(x, ShapeRules.slice(x.shape(), start, end, new long[] {axis}, null));
      at += parts[i];
    }
    return out;
  }

  private static ShapeRules.Region region(Node node, Tensor[] in) {
    Attributes a = node.attributes();
    if (in.length == 1) {
      return ShapeRules.slice(
          in[0].shape(), a.getInts("starts"), a.getInts("ends"), a.getInts("axes"), null);
    }
    return ShapeRules.slice(
        in[0].shape(),
        in[1].toLongs(),
        in[2].toLongs(),
        Shaping.longs(in, 3),
        Shaping.longs(in, 4));
  }

  static Tensor slice(Tensor x, ShapeRules.Region r) {
    long[] strides = Shapes.strides(x.shape());
    long start = 0;
    long[] steps = new long[strides.length];
    for (int d = 0; d < strides.length; d++) {
      start += r.start()[d] * strides[d];
      steps[d] = r.step()[d] * strides[d];
    }
    return gather(x, r.shape(), new Walk(r.shape(), steps, start));
  }

  static Tensor expand(Tensor x, long[] target) {
    long[] shape = Shapes.broadcast(x.shape(), target);
    if (shape == null) {
      throw new InvalidInputException(x + " does not expand to " + Arrays.toString(target));
    }
    return gather(x, shape, new Walk(x.shape(), shape));
  }

  private static Tensor tile(Tensor x, long[] repeats) {
    if (repeats.length != x.rank()) {
      throw new InvalidInputException("repeats " + Arrays.toString(repeats) + " for " + x);
    }
    Tensor out = x;
    for (int d = 0; d < repeats.length; d++) {
      if (repeats[d] == 0) {
        long[] shape = out.shape();
        shape[d] = 0;
        out = Tensor.allocate(x.dtype(), shape);
      } else if (repeats[d] != 1) {
        Tensor[] parts = new Tensor[Math.toIntExact(repeats[d])];
        Arrays.fill(parts, out);
        out = concat(parts, d);
      }
    }
    return out;
  }

  private static Tensor pad(Node node, Tensor[] in) {
    Tensor x = in[0];
    Attributes a = node.attributes();
    long[] given = in.length > 1 ? in[1].toLongs() : a.getInts("pads");
    long[] pads = ShapeRules.pads(x.rank(), given, Shaping.longs(in, 3));
    double fill = in.length > 2 && in[2] != null ? in[2].getDouble(0) : a.getFloat("value", 0);
    String mode = a.getString("mode", "constant");
    int rank = x.rank();
    long[] shape = x.shape();
    for (int d = 0; d < rank; d++) {
      shape[d] += pads[d] + pads[rank + d];
    }
    Tensor out = Tensor.allocate(x.dtype(), shape);
    long[] strides = Shapes.strides(x.shape());
    long[] index = new long[rank];
    for (long i = 0; i < out.elements(); i++) {
      long from = 0;
      boolean inside = true;
      for (int d = 0; d < rank; d++) {
        long n = x.dim(d);
        long p = index[d] - pads[d];
        long q =
            switch (mode) {
              case "reflect" -> reflect(p, n);
              case "edge" -> Math.clamp(p, 0, n - 1);
              case "wrap" -> Math.floorMod(p, n);
              default -> p;
            };
        inside &= q >= 0 && q < n;
        from += q * strides[d];
      }
      if (x.dtype().isFloat()) {
        out.setDouble(i, inside ? x.getDouble(from) : fill);
      } else {
        out.setLong(i, inside ? x.getLong(from) : (long) fill);
      }
      for (int d = rank - 1; d >= 0 && ++index[d] == shape[d]; d--) {
        index[d] = 0;
      }
    }
    return out;
  }

  private static long reflect(long p, long n) {
    if (n == 1) {
      return 0;
    }
    long period = 2 * (n - 1);
    long m = Math.floorMod(p, period);
    return m < n ? m : period - m;
  }

  private static Tensor depthToSpace(Node node, Tensor x) {
    long b = node.attributes().getInt("blocksize", 1);
    long n = x.dim(0);
    long c = x.dim(1) / (b * b);
    long h = x.dim(2);
    long w = x.dim(3);
    boolean crd = node.attributes().getString("mode", "DCR").equals("CRD");
    Tensor six = crd ? x.reshape(n, c, b, b, h, w) : x.reshape(n, b, b, c, h, w);
    Tensor moved = crd ? transpose(six, 0, 1, 4, 2, 5, 3) : transpose(six, 0, 3, 4, 1, 5, 2);
    return moved.reshape(n, c, h * b, w * b);
  }

  private static Tensor spaceToDepth(Node node, Tensor x) {
    long b = node.attributes().getInt("blocksize", 1);
    long n = x.dim(0);
    long c = x.dim(1);
    long h = x.dim(2) / b;
    long w = x.dim(3) / b;
    boolean crd = node.attributes().getString("mode", "DCR").equals("CRD");
    Tensor six = x.reshape(n, c, h, b, w, b);
    Tensor moved = crd ? transpose(six, 0, 1, 3, 5, 2, 4) : transpose(six, 0, 3, 5, 1, 2, 4);
    return moved.reshape(n, c * b * b, h, w);
  }

  private static Tensor trilu(Node node, Tensor x, Tensor[] in) {
    long k = in.length > 1 && in[1] != null ? in[1].getLong(0) : 0;
    boolean upper = node.attributes().getInt("upper", 1) == 1;
    Tensor out = Tensor.allocate(x.dtype(), x.shape());
    long cols = x.dim(x.rank() - 1);
    long rows = x.dim(x.rank() - 2);
    for (long i = 0; i < out.elements(); i++) {
      long col = i % cols;
      long row = i / cols % rows;
      if (upper ? col >= row + k : col <= row + k) {
        if (x.dtype().isFloat()) {
          out.setDouble(i, x.getDouble(i));
        } else {
          out.setLong(i, x.getLong(i));
        }
      }
    }
    return out;
  }
}
