package io.github.morseengine.engine.backend.cuda;

import io.github.morseengine.engine.backend.cuda.PointwiseKernel.Term;
import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Shapes;
import io.github.morseengine.engine.tensor.Tensor;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;

/** Element-wise operators: a generated kernel per island, or nothing where only a name changes. */
final class PointwiseLowering {

  private PointwiseLowering() {}

  /**
   * Lowers an island.
   *
   * @param p the plan
   * @param nodes its operators in order; the last one's output is the result
   * @return false where the result is empty or no kernel takes it
   */
  static boolean lower(CudaProgram p, List<Node> nodes) {
    Node root = nodes.getLast();
    Value out = root.output(0);
    if (out.elements() == 0) {
      return false;
    }
    if (nodes.size() == 1 && renames(p, root)) {
      return true;
    }
    List<View> full = new ArrayList<>();
    DType type = resultType(p, nodes, full);
    View y = p.output(out, type, strides(p, out, full));
    PointwiseKernel kernel = new PointwiseKernel(y);
    Map<Value, Term> terms = new IdentityHashMap<>();
    Term result = null;
    long operations = 0;
    for (Node n : nodes) {
      List<Term> in = new ArrayList<>();
      for (Value v : n.inputs()) {
        in.add(v == null ? null : terms.computeIfAbsent(v, u -> read(p, kernel, u)));
      }
      result = PointwiseOps.apply(kernel, n, in);
      terms.put(n.output(0), result);
      operations += out.elements();
    }
    KernelStep step = kernel.step(p, result);
    if (step == null) {
      return false;
    }
    String what = nodes.size() == 1 ? root.opType() : "pointwise of " + nodes.size();
    p.add(step, what, operations);
    return true;
  }

  /** A cast between types that the plan keeps as one. */
  private static boolean renames(CudaProgram p, Node node) {
    if (!node.is("Cast") || node.input(0).isConstant()) {
      return false;
    }
    View x = p.get(node.input(0));
    DType to = node.output(0).dtype();
    boolean same = x.dtype() == to || x.dtype() == p.kept(to);
    // Float32 in the graph may be kept in half precision: a wider type would hold no more.
    boolean kept = to == DType.FLOAT32 && ElementTypes.isHalf(x.dtype());
    if (same || kept) {
      p.put(node.output(0), x);
    }
    return same || kept;
  }

  private static Term read(CudaProgram p, PointwiseKernel kernel, Value v) {
    if (v.isConstant() && v.elements() == 1) {
      Tensor t = v.constant().materialize(Arena.ofAuto());
      return v.dtype().isFloat() ? kernel.number(t.getDouble(0)) : kernel.integer(t.getLong(0));
    }
    return kernel.load(p.get(v));
  }

  /**
   * The type of a result: integers as in the graph, floats in float32 only where all activations
   * are.
   */
  private static DType resultType(CudaProgram p, List<Node> nodes, List<View> full) {
    Node root = nodes.getLast();
    DType own = root.output(0).dtype();
    boolean half = false;
    boolean single = false;
    for (Node n : nodes) {
      for (Value v : n.inputs()) {
        boolean inside = v == null || v.producer() != null && nodes.contains(v.producer());
        if (inside || v.isConstant() && v.elements() == 1) {
          continue;
        }
        View x = p.get(v);
        if (Arrays.equals(v.shape(), root.output(0).shape())) {
          full.add(x);
        }
        half |= !v.isConstant() && ElementTypes.isHalf(x.dtype());
        single |= !v.isConstant() && x.dtype() == DType.FLOAT32;
      }
    }
    if (!own.isFloat()) {
      return own;
    }
    boolean narrows = root.is("Cast") && ElementTypes.isHalf(own);
    if (half || narrows || p.isNarrow(root.output(0))) {
      return p.type;
    }
    return single ? DType.FLOAT32 : p.kept(own);
  }

  /** The order of the operand that is as large as the result; of images, channels innermost. */
  private static long[] strides(CudaProgram p, Value out, List<View> full) {
    for (View v : full) {
      if (v.rank() >= 4 && v.isChannelsLast() && !v.isDense()) {
        return View.channelsLast(out.shape());
      }
    }
    for (View v : full) {
      if (v.isPacked()) {
        return v.strides();
      }
    }
    return Shapes.strides(out.shape());
  }

  /** Adds y = a + b. */
  static void add(CudaProgram p, View a, View b, View y, String what) {
    PointwiseKernel kernel = new PointwiseKernel(y);
    kernel.label("Add");
    String sum = kernel.load(a).real() + " + " + kernel.load(b).real();
    p.add(kernel.step(p, kernel.let(sum, false)), what, y.elements());
  }
}
