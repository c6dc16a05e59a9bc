package io.github.morseengine.engine.backend.reference;

import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Window;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Shapes;
import io.github.morseengine.engine.tensor.Tensor;
import java.util.Arrays;

/** Average and maximum over windows. */
final class Pooling {

  private Pooling() {}

  /** One result; for a maximum whose positions are wanted, these as well. */
  static Tensor[] run(Node node, Tensor x) {
    int rank = x.rank() - 2;
    long[] spatial = Arrays.copyOfRange(x.shape(), 2, x.rank());
    Window win = Window.pooling(node, spatial);
    boolean average = !node.opType().endsWith("MaxPool");
    boolean includePad = node.attributes().getInt("count_include_pad", 0) == 1;
    long[] shape = x.shape();
    System.arraycopy(win.output(), 0, shape, 2, rank);
    Tensor out = Tensor.allocate(x.dtype(), shape);
    Tensor where = node.output(1) == null ? null : Tensor.allocate(DType.INT64, shape);
    long positions = Shapes.elements(win.output());
    long inSize = Shapes.elements(spatial);
    long[] offsets = new long[Math.toIntExact(Shapes.elements(win.kernel()))];
    long[] p = new long[rank];
    for (long pos = 0; pos < positions; pos++) {
      Convolution.taps(win, p, spatial, offsets);
      long counted = includePad ? padded(win, p, spatial) : 0;
      for (long c = 0; c < x.dim(0) * x.dim(1); c++) {
        double acc = average ? 0 : Double.NEGATIVE_INFINITY;
        long inside = 0;
        long best = -1;
        for (long o : offsets) {
          if (o >= 0) {
            double v = x.getDouble(c * inSize + o);
            best = best < 0 || v > acc ? o : best;
            acc = average ? acc + v : Math.max(acc, v);
            inside++;
          }
        }
        double count = includePad ? counted : inside;
        out.setDouble(c * positions + pos, average ? acc / count : acc);
        if (where != null) {
          where.setLong(c * positions + pos, c * inSize + order(node, spatial, best));
        }
      }
      for (int d = rank - 1; d >= 0 && ++p[d] == win.output()[d]; d--) {
        p[d] = 0;
      }
    }
    return new Tensor[] {out, where};
  }

  /** An offset within one channel, counted with the last dimension first if the node wants so. */
  private static long order(Node node, long[] spatial, long offset) {
    if (node.attributes().getInt("storage_order", 0) == 0) {
      return offset;
    }
    long rest = offset;
    long[] index = new long[spatial.length];
    for (int d = spatial.length - 1; d >= 0; d--) {
      index[d] = rest % spatial[d];
      rest /= spatial[d];
    }
    long at = 0;
    for (int d = spatial.length - 1; d >= 0; d--) {
      at = at * spatial[d] + index[d];
    }
    return at;
  }

  /** Taps within the input and its declared padding; what ceil_mode adds does not count. */
  private static long padded(Window win, long[] position, long[] spatial) {
    long count = 1;
    for (int d = 0; d < spatial.length; d++) {
      long inside = 0;
      for (long k = 0; k < win.kernel()[d]; k++) {
        long i = position[d] * win.strides()[d] - win.padsBegin()[d] + k * win.dilations()[d];
        inside += i < spatial[d] + win.padsEnd()[d] ? 1 : 0;
      }
      count *= inside;
    }
    return count;
  }
}
