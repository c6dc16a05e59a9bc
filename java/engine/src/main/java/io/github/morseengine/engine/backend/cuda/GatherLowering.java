package io.github.morseengine.engine.backend.cuda;

import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Shapes;
import java.util.Arrays;

/** Elements and rows by index: label embeddings, and tables over the timestep. */
final class GatherLowering {

  private GatherLowering() {}

  static boolean lower(CudaProgram p, Node node) {
    Value table = node.input(0);
    boolean narrow = table.isConstant() && p.isNarrow(node.output(0));
    View x = narrow ? p.dense(table, p.type) : p.dense(p.get(table));
    View index = p.dense(p.get(node.input(1)));
    boolean known = index.dtype() == DType.INT64 || index.dtype() == DType.INT32;
    if (!known || x.rank() == 0 || x.elements() == 0) {
      return false;
    }
    boolean elements = node.opType().equals("GatherElements");
    int axis = Shapes.axis(node.attributes().getInt("axis", 0), x.rank());
    if (elements && !fits(x.shape(), index.shape(), axis)) {
      return false;
    }
    View y = p.allocateDense(x.dtype(), node.output(0).shape());
    p.put(node.output(0), y);
    if (y.elements() == 0) {
      return true;
    }
    long outer = Shapes.elements(Arrays.copyOf(x.shape(), axis));
    long inner = Shapes.elements(Arrays.copyOfRange(x.shape(), axis + 1, x.rank()));
    long count = elements ? index.shape()[axis] : index.elements();
    String name =
        (elements ? "gather_elements_" : "gather_")
            + x.dtype().bytes()
            + (index.dtype() == DType.INT64 ? "_int64" : "_int32");
    p.add(
        p.kernel(name, DType.FLOAT32)
            .view(x)
            .view(index)
            .view(y)
            .view(node.input(1).isConstant() ? null : p.fault())
            .i64(outer, x.shape()[axis], count, inner)
            .grid(Math.min(Math.ceilDiv(y.elements(), 256), 65535L * 8)));
    return true;
  }

  /** The kernel takes indices that leave all other dimensions whole. */
  private static boolean fits(long[] x, long[] index, int axis) {
    for (int d = 0; d < x.length; d++) {
      if (d != axis && x[d] != index[d]) {
        return false;
      }
    }
    return true;
  }
}
