package io.github.morseengine.engine.backend.reference;

import io.github.morseengine.engine.error.UnsupportedOpException;
import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.ResizeSpec;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.tensor.Shapes;
import io.github.morseengine.engine.tensor.Tensor;
import java.lang.foreign.Arena;
import java.util.Arrays;

/**
 * Resize by nearest neighbour, linear or cubic interpolation, one dimension after the other. Every
 * output position is a weighted sum of neighbours of a source coordinate; with {@code antialias}
 * the kernel widens by the scale when images shrink. Other backends take their tables from here.
 */
public final class ResizeReference {

  private ResizeReference() {}

  static Tensor run(Node node, Tensor[] in) {
    Tensor x = in[0];
    ResizeSpec spec = ResizeSpec.of(node, x.shape(), in);
    boolean crops = mode(node).equals("tf_crop_and_resize");
    Tensor out = x;
    for (int d = 0; d < x.rank(); d++) {
      if (spec.output()[d] != x.dim(d) || spec.scales()[d] != 1 || crops && spec.crops(d)) {
        out = along(node, out, d, spec);
      }
    }
    return out;
  }

  /**
   * What each output index of a dimension is made of.
   *
   * @param taps neighbours per output index
   * @param indices output index by output index: source indices, all within the input
   * @param weights one per index
   */
  public record Table(int taps, int[] indices, double[] weights) {}

  /**
   * Tabulates height and width of an image.
   *
   * @param node a Resize node
   * @param shape [N,C,H,W] of its input
   * @return the tables of rows and of columns; null where parameters are not constant, other
   *     dimensions change, too, or the node crops, so that values outside of the input may count
   */
  public static Table[] tables(Node node, long[] shape) {
    Tensor[] in = new Tensor[node.inputs().size()];
    for (int i = 1; i < in.length; i++) {
      Value v = node.input(i);
      if (v != null && !v.isConstant()) {
        return null;
      }
      in[i] = v == null ? null : v.constant().materialize(Arena.ofAuto());
    }
    ResizeSpec spec = ResizeSpec.of(node, shape, in);
    if (mode(node).equals("tf_crop_and_resize") || spec.scales()[0] != 1 || spec.scales()[1] != 1) {
      return null;
    }
    return new Table[] {table(node, spec, shape[2], 2), table(node, spec, shape[3], 3)};
  }

  private static Table table(Node node, ResizeSpec spec, long n, int d) {
    int m = Math.toIntExact(spec.output()[d]);
    Taps[] all = new Taps[m];
    int widest = 1;
    boolean whole = spec.output()[d] == n && spec.scales()[d] == 1;
    for (int o = 0; o < m; o++) {
      double at = source(node, o, spec, d, n, m);
      all[o] = whole ? new Taps(o, new double[] {1}) : Taps.of(node, at, spec.scales()[d], n);
      widest = Math.max(widest, all[o].weights.length);
    }
    int[] indices = new int[m * widest];
    double[] weights = new double[m * widest];
    for (int o = 0; o < m; o++) {
      for (int i = 0; i < widest; i++) {
        boolean there = i < all[o].weights.length;
        indices[o * widest + i] = (int) Math.clamp(all[o].first + i, 0, n - 1);
        weights[o * widest + i] = there ? all[o].weights[i] : 0;
      }
    }
    return new Table(widest, indices, weights);
  }

  private static String mode(Node node) {
    return node.opset() < 11
        ? "asymmetric"
        : node.attributes().getString("coordinate_transformation_mode", "half_pixel");
  }

  private static Tensor along(Node node, Tensor x, int d, ResizeSpec spec) {
    long[] shape = x.shape();
    long n = shape[d];
    long m = spec.output()[d];
    shape[d] = m;
    Tensor out = Tensor.allocate(x.dtype(), shape);
    long inner = Shapes.strides(shape)[d];
    boolean crops = mode(node).equals("tf_crop_and_resize");
    double outside = node.attributes().getFloat("extrapolation_value", 0);
    for (long o = 0; o < m; o++) {
      double at = source(node, o, spec, d, n, m);
      boolean extrapolated = crops && (at < 0 || at > n - 1);
      Taps taps = extrapolated ? null : Taps.of(node, at, spec.scales()[d], n);
      for (long line = 0; line < out.elements() / m; line++) {
        long before = line / inner;
        long base = before * inner * n + line % inner;
        double v = extrapolated ? outside : taps.sum(x, base, inner, n);
        out.setDouble((before * m + o) * inner + line % inner, v);
      }
    }
    return out;
  }

  private static double source(Node node, long o, ResizeSpec spec, int d, long n, long m) {
    double scale = spec.scales()[d];
    // Not rounded: scales such as 0.6 leave a fraction that the coordinates keep.
    double width = scale * n;
    return switch (mode(node)) {
      case "asymmetric" -> o / scale;
      case "half_pixel" -> (o + 0.5) / scale - 0.5;
      case "half_pixel_symmetric" -> n / 2.0 * (1 - m / width) + (o + 0.5) / scale - 0.5;
      case "pytorch_half_pixel" -> width == 1 ? -0.5 : (o + 0.5) / scale - 0.5;
      case "align_corners" -> width == 1 ? 0 : o * (n - 1.0) / (width - 1);
      case "tf_crop_and_resize" -> {
        double start = spec.starts()[d];
        double span = (spec.ends()[d] - start) * (n - 1);
        yield start * (n - 1) + (width == 1 ? span / 2 : o * span / (width - 1));
      }
      default ->
          throw new UnsupportedOpException(
              "node '" + node.name() + "': Resize with the coordinates " + mode(node));
    };
  }

  /**
   * Neighbours of a coordinate and their weights; beyond the edges the edge itself counts.
   *
   * @param first index of the first neighbour, perhaps outside
   * @param weights one per neighbour
   */
  private record Taps(long first, double[] weights) {

    static Taps of(Node node, double at, double scale, long n) {
      Attributes a = node.attributes();
      String mode = a.getString("mode", "nearest");
      if (mode.equals("nearest")) {
        return new Taps(nearest(node, at), new double[] {1});
      }
      boolean cubic = mode.equals("cubic");
      if (!cubic && !mode.equals("linear")) {
        throw new UnsupportedOpException(
            "node '" + node.name() + "': Resize of mode " + mode + " is not supported");
      }
      double shrink = a.getInt("antialias", 0) == 1 ? Math.min(scale, 1) : 1;
      double cubicA = a.getFloat("cubic_coeff_a", -0.75f);
      // The neighbour before the coordinate, itself excluded.
      long left = (long) Math.ceil(at) - 1;
      long reach = (long) Math.floor(-(cubic ? 2 : 1) / shrink) + 1;
      double[] weights = new double[(int) (2 - 2 * reach)];
      double sum = 0;
      for (int i = 0; i < weights.length; i++) {
        double distance = Math.abs(left + reach + i - at) * shrink;
        boolean counts =
            a.getInt("exclude_outside", 0) == 0 || left + reach + i >= 0 && left + reach + i < n;
        weights[i] =
            !counts ? 0 : cubic ? Functions.keys(distance, cubicA) : Math.max(0, 1 - distance);
        sum += weights[i];
      }
      double total = sum;
      Arrays.setAll(weights, i -> weights[i] / total);
      return new Taps(left + reach, weights);
    }

    private static long nearest(Node node, double at) {
      String fallback = node.opset() < 11 ? "floor" : "round_prefer_floor";
      return (long)
          switch (node.attributes().getString("nearest_mode", fallback)) {
            case "floor" -> Math.floor(at);
            case "ceil" -> Math.ceil(at);
            case "round_prefer_ceil" -> Math.floor(at + 0.5);
            default -> Math.ceil(at - 0.5);
          };
    }

    double sum(Tensor x, long base, long inner, long n) {
      double sum = 0;
      for (int i = 0; i < weights.length; i++) {
        long at = Math.clamp(first + i, 0, n - 1);
        sum += weights[i] == 0 ? 0 : weights[i] * x.getDouble(base + at * inner);
      }
      return sum;
    }
  }
}
