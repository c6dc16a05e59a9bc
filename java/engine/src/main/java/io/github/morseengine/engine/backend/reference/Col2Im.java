package io.github.morseengine.engine.backend.reference;

import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Window;
import io.github.morseengine.engine.tensor.Shapes;
import io.github.morseengine.engine.tensor.Tensor;
import java.util.Arrays;

/** Col2Im (PyTorch's fold): the columns of an im2col added up where they came from. */
final class Col2Im {

  private Col2Im() {}

  /** columns [N, C * block, positions], size and block of the picture -> [N, C, size...]. */
  static Tensor run(Node node, Tensor[] in) {
    Tensor columns = in[0];
    long[] size = in[1].toLongs();
    Window win = Window.of(node, size, in[2].toLongs());
    long block = Shapes.elements(win.kernel());
    long positions = Shapes.elements(win.output());
    ReferenceOps.check(
        columns.rank() == 3 && columns.dim(1) % block == 0 && columns.dim(2) == positions,
        columns + " are no columns of " + Arrays.toString(size) + ": there are " + positions);
    long[] shape = new long[size.length + 2];
    shape[0] = columns.dim(0);
    shape[1] = columns.dim(1) / block;
    System.arraycopy(size, 0, shape, 2, size.length);
    Tensor out = Tensor.allocate(columns.dtype(), shape);
    long pixels = Shapes.elements(size);
    long[] offsets = new long[Math.toIntExact(block)];
    long[] p = new long[size.length];
    for (long pos = 0; pos < positions; pos++) {
      Convolution.taps(win, p, size, offsets);
      for (long c = 0; c < shape[0] * shape[1]; c++) {
        for (int k = 0; k < offsets.length; k++) {
          if (offsets[k] >= 0) {
            long to = c * pixels + offsets[k];
            double more = columns.getDouble((c * block + k) * positions + pos);
            out.setDouble(to, out.getDouble(to) + more);
          }
        }
      }
      for (int d = size.length - 1; d >= 0 && ++p[d] == win.output()[d]; d--) {
        p[d] = 0;
      }
    }
    return out;
  }
}
