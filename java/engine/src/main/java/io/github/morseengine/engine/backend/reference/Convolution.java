package io.github.morseengine.engine.backend.reference;

import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Window;
import io.github.morseengine.engine.tensor.Shapes;
import io.github.morseengine.engine.tensor.Tensor;
import java.util.Arrays;

/** Convolutions of any spatial rank. */
final class Convolution {

  private Convolution() {}

  static Tensor conv(Node node, Tensor[] in) {
    Tensor x = in[0];
    Tensor w = in[1];
    Tensor bias = in.length > 2 ? in[2] : null;
    int rank = x.rank() - 2;
    long[] spatial = Arrays.copyOfRange(x.shape(), 2, x.rank());
    Window win = Window.of(node, spatial, Arrays.copyOfRange(w.shape(), 2, w.rank()));
    long groups = node.attributes().getInt("group", 1);
    long channels = x.dim(1);
    ReferenceOps.check(
        groups > 0 && channels == w.dim(1) * groups && w.dim(0) % groups == 0,
        "channels, weights and group do not fit");
    long m = w.dim(0);
    long[] shape = new long[x.rank()];
    shape[0] = x.dim(0);
    shape[1] = m;
    System.arraycopy(win.output(), 0, shape, 2, rank);
    Tensor out = Tensor.allocate(x.dtype(), shape);
    long positions = Shapes.elements(win.output());
    long taps = Shapes.elements(win.kernel());
    long inSize = Shapes.elements(spatial);
    long[] offsets = new long[Math.toIntExact(taps)];
    long[] p = new long[rank];
    long perGroup = w.dim(1);
    for (long pos = 0; pos < positions; pos++) {
      taps(win, p, spatial, offsets);
      for (long n = 0; n < x.dim(0); n++) {
        for (long o = 0; o < m; o++) {
          double sum = bias == null ? 0 : bias.getDouble(o);
          long first = n * channels + o / (m / groups) * perGroup;
          for (long c = 0; c < perGroup; c++) {
            long base = (first + c) * inSize;
            long weight = (o * perGroup + c) * taps;
            for (int t = 0; t < taps; t++) {
              if (offsets[t] >= 0) {
                sum += x.getDouble(base + offsets[t]) * w.getDouble(weight + t);
              }
            }
          }
          out.setDouble((n * m + o) * positions + pos, sum);
        }
      }
      for (int d = rank - 1; d >= 0 && ++p[d] == win.output()[d]; d--) {
        p[d] = 0;
      }
    }
    return out;
  }

  /** Offsets within one channel that the window at an output position reads; -1 outside. */
  static void taps(Window win, long[] position, long[] spatial, long[] offsets) {
    int rank = spatial.length;
    long[] k = new long[rank];
    for (int t = 0; t < offsets.length; t++) {
      long at = 0;
      for (int d = 0; d < rank; d++) {
        long i = position[d] * win.strides()[d] - win.padsBegin()[d] + k[d] * win.dilations()[d];
        if (i < 0 || i >= spatial[d]) {
          at = -1;
          break;
        }
        at = at * spatial[d] + i;
      }
      offsets[t] = at;
      for (int d = rank - 1; d >= 0 && ++k[d] == win.kernel()[d]; d--) {
        k[d] = 0;
      }
    }
  }

  static Tensor transposed(Node node, Tensor[] in) {
    Tensor x = in[0];
    Tensor w = in[1];
    Tensor bias = in.length > 2 ? in[2] : null;
    int rank = x.rank() - 2;
    long[] spatial = Arrays.copyOfRange(x.shape(), 2, x.rank());
    Window win = Window.transposed(node, spatial, Arrays.copyOfRange(w.shape(), 2, w.rank()));
    long groups = node.attributes().getInt("group", 1);
    long perGroup = w.dim(1);
    ReferenceOps.check(
        groups > 0 && x.dim(1) == w.dim(0) && x.dim(1) % groups == 0,
        "channels, weights and group do not fit");
    long m = perGroup * groups;
    long[] shape = new long[x.rank()];
    shape[0] = x.dim(0);
    shape[1] = m;
    System.arraycopy(win.output(), 0, shape, 2, rank);
    Tensor out = Tensor.allocate(x.dtype(), shape);
    long positions = Shapes.elements(win.output());
    double[] acc = new double[Math.toIntExact(out.elements())];
    for (int i = 0; i < acc.length && bias != null; i++) {
      acc[i] = bias.getDouble(i / positions % m);
    }
    long taps = Shapes.elements(win.kernel());
    long[] offsets = new long[Math.toIntExact(taps)];
    long[] p = new long[rank];
    long inSize = Shapes.elements(spatial);
    // Seen from the larger side the same window runs over the smaller one.
    for (long pos = 0; pos < inSize; pos++) {
      taps(win, p, win.output(), offsets);
      for (long n = 0; n < x.dim(0); n++) {
        for (long c = 0; c < x.dim(1); c++) {
          double v = x.getDouble((n * x.dim(1) + c) * inSize + pos);
          long group = c / (x.dim(1) / groups);
          for (long o = 0; o < perGroup; o++) {
            long base = (n * m + group * perGroup + o) * positions;
            for (int t = 0; t < taps; t++) {
              if (offsets[t] >= 0) {
                acc[(int) (base + offsets[t])] += v * w.getDouble((c * perGroup + o) * taps + t);
              }
            }
          }
        }
      }
      for (int d = rank - 1; d >= 0 && ++p[d] == spatial[d]; d--) {
        p[d] = 0;
      }
    }
    for (int i = 0; i < acc.length; i++) {
      out.setDouble(i, acc[i]);
    }
    return out;
  }
}
