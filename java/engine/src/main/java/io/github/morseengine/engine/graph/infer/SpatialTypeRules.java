package io.github.morseengine.engine.graph.infer;

import static io.github.morseengine.engine.graph.infer.TypeRules.check;
import static io.github.morseengine.engine.graph.infer.TypeRules.longs;
import static io.github.morseengine.engine.graph.infer.TypeRules.need;
import static io.github.morseengine.engine.graph.infer.TypeRules.set;

import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.ResizeSpec;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.ir.Window;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Shapes;
import io.github.morseengine.engine.tensor.Tensor;
import java.util.Arrays;

/** Output types of operators that know pictures: windows, sizes, positions. */
final class SpatialTypeRules {

  private SpatialTypeRules() {}

  /** As {@link TypeRules#infer}. */
  static void infer(Node node) {
    Value x = node.input(0);
    Attributes a = node.attributes();
    switch (node.opType()) {
      case "Conv" -> {
        long[] w = node.input(1).shape();
        long group = a.getInt("group", 1);
        check(group > 0, "group " + group + " must be positive");
        check(
            w.length == x.rank()
                && x.rank() > 2
                && x.shape()[1] == w[1] * group
                && w[0] % group == 0,
            "input " + x + " and weights " + Arrays.toString(w) + " with group " + group);
        Window win = Window.of(node, tail(x.shape()), tail(w));
        set(node, 0, x.dtype(), join(x.shape()[0], w[0], win.output()));
      }
      case "ConvTranspose" -> {
        long[] w = node.input(1).shape();
        long group = a.getInt("group", 1);
        check(group > 0, "group " + group + " must be positive");
        check(w.length == x.rank() && x.shape()[1] == w[0], "input and weights do not fit");
        Window win = Window.transposed(node, tail(x.shape()), tail(w));
        set(node, 0, x.dtype(), join(x.shape()[0], w[1] * group, win.output()));
      }
      case "AveragePool", "MaxPool" -> {
        long[] out = Window.of(node, tail(x.shape()), null).output();
        set(node, 0, x.dtype(), join(x.shape()[0], x.shape()[1], out));
        set(node, 1, DType.INT64, join(x.shape()[0], x.shape()[1], out));
      }
      case "GlobalAveragePool", "GlobalMaxPool" -> {
        long[] shape = x.shape().clone();
        Arrays.fill(shape, 2, shape.length, 1);
        set(node, 0, x.dtype(), shape);
      }
      case "Resize" -> {
        Tensor[] in = new Tensor[node.inputs().size()];
        for (int i = 1; i < in.length; i++) {
          in[i] = node.input(i) == null ? null : need(node, i);
        }
        set(node, 0, x.dtype(), ResizeSpec.of(node, x.shape(), in).output());
      }
      case "GridSample" -> {
        long[] grid = node.input(1).shape();
        int rank = x.rank() - 2;
        check(
            rank > 0
                && grid.length == x.rank()
                && grid[rank + 1] == rank
                && grid[0] == x.shape()[0],
            "the grid " + Arrays.toString(grid) + " does not fit " + x);
        long[] out = Arrays.copyOfRange(grid, 1, rank + 1);
        set(node, 0, x.dtype(), join(x.shape()[0], x.shape()[1], out));
      }
      case "Col2Im" -> {
        long[] size = longs(node, 1);
        long block = Shapes.elements(longs(node, 2));
        check(
            x.rank() == 3 && block > 0 && x.shape()[1] % block == 0,
            x + " are no columns of blocks of " + block);
        set(node, 0, x.dtype(), join(x.shape()[0], x.shape()[1] / block, size));
      }
      default -> blocks(node, x);
    }
  }

  private static void blocks(Node node, Value x) {
    long b = node.attributes().getInt("blocksize", 0);
    check(b > 0 && x.rank() == 4, "blocksize " + b + " on " + x);
    long[] s = x.shape();
    if (node.opType().equals("DepthToSpace")) {
      check(s[1] % (b * b) == 0, "channels do not divide by blocksize squared");
      set(node, 0, x.dtype(), s[0], s[1] / (b * b), s[2] * b, s[3] * b);
    } else {
      check(s[2] % b == 0 && s[3] % b == 0, "sides do not divide by blocksize");
      set(node, 0, x.dtype(), s[0], s[1] * b * b, s[2] / b, s[3] / b);
    }
  }

  private static long[] tail(long[] shape) {
    return Arrays.copyOfRange(shape, Math.min(2, shape.length), shape.length);
  }

  private static long[] join(long n, long c, long[] spatial) {
    long[] out = new long[spatial.length + 2];
    out[0] = n;
    out[1] = c;
    System.arraycopy(spatial, 0, out, 2, spatial.length);
    return out;
  }
}
