package io.github.morseengine.engine.backend.cuda;

import io.github.morseengine.engine.backend.plan.Dims;
import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Shapes;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** Reductions over axes, indices of extremes, and running sums. */
final class ReduceLowering {

  private static final Map<String, String> KERNELS =
      Map.of(
          "ReduceSum", "reduce_sum",
          "ReduceMean", "reduce_mean",
          "ReduceMax", "reduce_max",
          "ReduceMin", "reduce_min",
          "ReduceProd", "reduce_product",
          "ReduceSumSquare", "reduce_sum_of_squares",
          "ReduceL2", "reduce_l2");

  /** Elements per result from which on a block per result is faster than a thread. */
  private static final long LONG = 64;

  private static final int DIMS = 3;

  private ReduceLowering() {}

  static boolean lower(CudaProgram p, Node node) {
    View x = p.get(node.input(0));
    String kernel = KERNELS.get(node.opType());
    if (kernel == null || !ElementTypes.computes(x.dtype()) || x.elements() == 0) {
      return false;
    }
    boolean[] reduced = LayoutLowering.reduced(node, x.rank());
    if (reduced == null) {
      p.put(node.output(0), x);
      return true;
    }
    View y = p.allocateDense(x.dtype(), node.output(0).shape());
    p.put(node.output(0), y);
    add(p, x, reduced, y, kernel, node.opType());
    return true;
  }

  /** Adds a reduction; y is dense, its elements the kept dimensions in their order. */
  static void add(CudaProgram p, View x, boolean[] reduced, View y, String kernel, String what) {
    List<long[]> kept = dims(x, reduced, false);
    List<long[]> gone = dims(x, reduced, true);
    if (kept.size() > DIMS || gone.size() > DIMS) {
      View dense = p.dense(x);
      kept = dims(dense, reduced, false);
      gone = dims(dense, reduced, true);
      if (kept.size() > DIMS || gone.size() > DIMS) {
        // Reduced dimensions last: two dimensions are left.
        View moved = p.dense(x.transpose(reducedLast(reduced)));
        View flat = moved.reshape(new long[] {y.elements(), x.elements() / y.elements()});
        add(p, flat, new boolean[] {false, true}, y, kernel, what);
        return;
      }
      add(p, dense, reduced, y, kernel, what);
      return;
    }
    long outputs = y.elements();
    long each = x.elements() / outputs;
    boolean block = each >= LONG;
    long[][] k = padded(kept);
    long[][] r = padded(gone);
    p.add(
        p.kernel(kernel + (block ? "_block" : "_thread"), x.dtype())
            .view(x)
            .view(y)
            .i64(outputs, k[0][1], k[0][2])
            .i64(k[1])
            .i64(each, r[0][1], r[0][2])
            .i64(r[1])
            .grid(block ? outputs : Math.ceilDiv(outputs, 256)),
        what,
        x.elements());
  }

  private static int[] reducedLast(boolean[] reduced) {
    int[] perm = new int[reduced.length];
    int n = 0;
    for (int pass = 0; pass < 2; pass++) {
      for (int d = 0; d < reduced.length; d++) {
        if (reduced[d] == (pass == 1)) {
          perm[n++] = d;
        }
      }
    }
    return perm;
  }

  /** Kept or reduced dimensions in logical order, merged: {size, stride}. */
  private static List<long[]> dims(View x, boolean[] reduced, boolean which) {
    long[] shape = x.shape().clone();
    for (int d = 0; d < shape.length; d++) {
      shape[d] = reduced[d] == which ? shape[d] : 1;
    }
    View part = new View(x.slot(), x.offset(), x.dtype(), shape, Shapes.strides(shape));
    View strided = new View(x.slot(), x.offset(), x.dtype(), shape, x.strides());
    return Dims.merged(part, strided);
  }

  /** Sizes and strides of three dimensions, outermost first. */
  private static long[][] padded(List<long[]> dims) {
    long[][] out = {new long[DIMS], new long[DIMS]};
    Arrays.fill(out[0], 1);
    int shift = DIMS - dims.size();
    for (int i = 0; i < dims.size(); i++) {
      out[0][shift + i] = dims.get(i)[0];
      out[1][shift + i] = dims.get(i)[2];
    }
    return out;
  }

  static boolean arg(CudaProgram p, Node node) {
    View x = p.get(node.input(0));
    if (!ElementTypes.computes(x.dtype()) || x.elements() == 0) {
      return false;
    }
    int axis = Shapes.axis(node.attributes().getInt("axis", 0), x.rank());
    View dense = p.dense(x);
    long inner = Shapes.strides(x.shape())[axis];
    long outer = x.elements() / inner / x.shape()[axis];
    View y = p.allocateDense(DType.INT64, node.output(0).shape());
    p.put(node.output(0), y);
    p.add(
        p.kernel(node.opType().equals("ArgMax") ? "arg_max" : "arg_min", x.dtype())
            .view(dense)
            .view(y)
            .i64(outer, x.shape()[axis], inner)
            .i32(node.attributes().getInt("select_last_index", 0))
            .grid(Math.ceilDiv(outer * inner, 256)));
    return true;
  }

  static boolean cumulative(CudaProgram p, Node node) {
    View x = p.get(node.input(0));
    Value given = node.input(1);
    if (!ElementTypes.computes(x.dtype()) || x.elements() == 0 || !given.isConstant()) {
      return false;
    }
    int axis = (int) given.constant().materialize(Arena.ofAuto()).getLong(0);
    axis = Shapes.axis(axis, x.rank());
    View dense = p.dense(x);
    long inner = Shapes.strides(x.shape())[axis];
    long outer = x.elements() / inner / x.shape()[axis];
    View y = p.allocateDense(x.dtype(), x.shape());
    p.put(node.output(0), y);
    p.add(
        p.kernel("cumsum", x.dtype())
            .view(dense)
            .view(y)
            .i64(outer, x.shape()[axis], inner)
            .i32(node.attributes().getInt("exclusive", 0), node.attributes().getInt("reverse", 0))
            .grid(Math.ceilDiv(outer * inner, 256)));
    return true;
  }
}
