package io.github.morseengine.engine.backend.reference;

import io.github.morseengine.engine.error.UnsupportedOpException;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.ResizeSpec;
import io.github.morseengine.engine.tensor.Shapes;
import io.github.morseengine.engine.tensor.Tensor;

/** Resize by nearest neighbour or linear interpolation. */
final class ResizeReference {

  private ResizeReference() {}

  static Tensor run(Node node, Tensor[] in) {
    Tensor x = in[0];
    ResizeSpec spec = ResizeSpec.of(node, x.shape(), in);
    String mode = node.attributes().getString("mode", "nearest");
    Tensor out = x;
    for (int d = 0; d < x.rank(); d++) {
      if (spec.output()[d] != x.dim(d) || spec.scales()[d] != 1) {
        out =
            switch (mode) {
              case "nearest" -> along(node, out, d, spec, false);
              case "linear" -> along(node, out, d, spec, true);
              default ->
                  throw new UnsupportedOpException(
                      "node '" + node.name() + "': Resize of mode " + mode + " is not supported");
            };
      }
    }
    return out;
  }

  private static Tensor along(Node node, Tensor x, int d, ResizeSpec spec, boolean linear) {
    long[] shape = x.shape();
    long n = shape[d];
    long m = spec.output()[d];
    shape[d] = m;
    Tensor out = Tensor.allocate(x.dtype(), shape);
    long inner = Shapes.strides(shape)[d];
    for (long i = 0; i < out.elements(); i++) {
      long o = i / inner % m;
      long base = i / (inner * m) * inner * n + i % inner;
      double at = source(node, o, spec.scales()[d], n, m);
      if (linear) {
        double clamped = Math.clamp(at, 0.0, (double) (n - 1));
        long low = (long) Math.floor(clamped);
        long high = Math.min(low + 1, n - 1);
        double f = clamped - low;
        double v = x.getDouble(base + low * inner) * (1 - f);
        out.setDouble(i, v + x.getDouble(base + high * inner) * f);
      } else {
        out.setDouble(i, x.getDouble(base + nearest(node, at, n) * inner));
      }
    }
    return out;
  }

  private static double source(Node node, long o, double scale, long n, long m) {
    String mode = node.attributes().getString("coordinate_transformation_mode", "half_pixel");
    if (node.opset() < 11) {
      return o / scale;
    }
    return switch (mode) {
      case "asymmetric" -> o / scale;
      case "half_pixel" -> (o + 0.5) / scale - 0.5;
      case "half_pixel_symmetric" -> {
        double adjustment = m / (scale * n);
        double centre = n / 2.0;
        yield centre * (1 - adjustment) + (o + 0.5) / scale - 0.5;
      }
      case "pytorch_half_pixel" -> m > 1 ? (o + 0.5) / scale - 0.5 : 0;
      case "align_corners" -> m > 1 ? o * (n - 1.0) / (m - 1.0) : 0;
      default ->
          throw new UnsupportedOpException(
              "node '" + node.name() + "': Resize with the coordinates " + mode);
    };
  }

  private static long nearest(Node node, double at, long n) {
    String fallback = node.opset() < 11 ? "floor" : "round_prefer_floor";
    double v =
        switch (node.attributes().getString("nearest_mode", fallback)) {
          case "floor" -> Math.floor(at);
          case "ceil" -> Math.ceil(at);
          case "round_prefer_ceil" -> Math.floor(at + 0.5);
          default -> Math.ceil(at - 0.5);
        };
    return Math.clamp((long) v, 0, n - 1);
  }
}
