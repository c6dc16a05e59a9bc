package io.github.morseengine.engine.backend.reference;

import io.github.morseengine.engine.error.UnsupportedOpException;
import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.tensor.Shapes;
import io.github.morseengine.engine.tensor.Tensor;
import java.util.Arrays;

/**
 * GridSample: a picture read at given positions, between its pixels. Any number of spatial
 * dimensions; positions of -1 and 1 are the picture's ends, the innermost dimension comes first.
 */
final class GridSampling {

  /** Of the cubic convolution, as PyTorch has it. */
  private static final double CUBIC = -0.75;

  private enum Padding {
    ZEROS,
    BORDER,
    REFLECTION
  }

  private final long[] size;
  private final Padding padding;
  private final boolean corners;

  /** Pixels along each dimension that one position is mixed of, and their weights. */
  private final long[][] taps;

  private final double[][] weights;

  private GridSampling(Node node, long[] size) {
    Attributes a = node.attributes();
    this.size = size;
    this.corners = a.getInt("align_corners", 0) == 1;
    String mode = a.getString("padding_mode", "zeros");
    this.padding =
        switch (mode) {
          case "zeros" -> Padding.ZEROS;
          case "border" -> Padding.BORDER;
          case "reflection" -> Padding.REFLECTION;
          default -> throw new UnsupportedOpException("padding_mode '" + mode + "' is unknown");
        };
    String named = a.getString("mode", "linear");
    int count =
        switch (named) {
          case "nearest" -> 1;
          case "linear", "bilinear" -> 2;
          case "cubic", "bicubic" -> 4;
          default -> throw new UnsupportedOpException("mode '" + named + "' is unknown");
        };
    this.taps = new long[size.length][count];
    this.weights = new double[size.length][count];
  }

  /** x [N, C, spatial...], grid [N, output..., rank] -> [N, C, output...]. */
  static Tensor run(Node node, Tensor x, Tensor grid) {
    int rank = x.rank() - 2;
    ReferenceOps.check(
        rank > 0
            && grid.rank() == x.rank()
            && grid.dim(rank + 1) == rank
            && grid.dim(0) == x.dim(0),
        "the grid " + grid + " does not fit " + x);
    long[] size = Arrays.copyOfRange(x.shape(), 2, x.rank());
    GridSampling sampling = new GridSampling(node, size);
    long[] shape = x.shape();
    System.arraycopy(grid.shape(), 1, shape, 2, rank);
    Tensor out = Tensor.allocate(x.dtype(), shape);
    long positions = Shapes.elements(Arrays.copyOfRange(shape, 2, shape.length));
    long pixels = Shapes.elements(size);
    long channels = x.dim(1);
    for (long n = 0; n < x.dim(0); n++) {
      for (long p = 0; p < positions; p++) {
        long at = (n * positions + p) * rank;
        for (int d = 0; d < rank; d++) {
          sampling.place(d, (float) grid.getDouble(at + rank - 1 - d));
        }
        for (long c = n * channels; c < (n + 1) * channels; c++) {
          out.setDouble(c * positions + p, sampling.mix(x, c * pixels, 0));
        }
      }
    }
    return out;
  }

  /** Finds the pixels that a position, -1 to 1, is mixed of along a dimension. */
  private void place(int d, float position) {
    long n = size[d];
    double end = corners ? n - 1 : n;
    double v = (float) ((position + 1) / 2 * end - (corners ? 0 : 0.5));
    boolean nearest = taps[d].length == 1;
    v = outer(d, nearest ? Math.rint(v) : v);
    long floor = (long) Math.floor(v);
    int count = taps[d].length;
    int before = count == 4 ? 1 : 0;
    for (int i = 0; i < count; i++) {
      double distance = Math.abs(v - floor + before - i);
      weights[d][i] =
          switch (count) {
            case 1 -> 1;
            case 2 -> 1 - distance;
            default -> Functions.keys(distance, CUBIC);
          };
      taps[d][i] = inside(d, floor - before + i);
    }
  }

  /** A position outside, moved as the padding has it. */
  private double outer(int d, double v) {
    return switch (padding) {
      case ZEROS -> v;
      case BORDER -> Math.clamp(v, 0, size[d] - 1.0);
      case REFLECTION -> reflect(d, v);
    };
  }

  /** The pixel that stands for one; -1 for none. */
  private long inside(int d, long i) {
    if (i >= 0 && i < size[d]) {
      return i;
    }
    return switch (padding) {
      case ZEROS -> -1;
      case BORDER -> Math.clamp(i, 0, size[d] - 1);
      case REFLECTION -> Math.clamp((long) reflect(d, i), 0, size[d] - 1);
    };
  }

  /** Thrown back from the ends as often as it takes. */
  private double reflect(int d, double v) {
    double low = corners ? 0 : -0.5;
    double range = corners ? size[d] - 1.0 : size[d];
    if (range == 0 || !Double.isFinite(v)) {
      return 0;
    }
    double folded = Math.abs(v - low) % (2 * range);
    return low + (folded > range ? 2 * range - folded : folded);
  }

  private double mix(Tensor x, long base, int d) {
    if (d == size.length) {
      return x.getDouble(base);
    }
    long stride = 1;
    for (int i = d + 1; i < size.length; i++) {
      stride *= size[i];
    }
    double sum = 0;
    for (int i = 0; i < taps[d].length; i++) {
      if (taps[d][i] >= 0) {
        sum += weights[d][i] * mix(x, base + taps[d][i] * stride, d + 1);
      }
    }
    return sum;
  }
}
