package io.github.morseengine.engine.backend.cuda;

import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.ir.EinsumSpec;
import io.github.morseengine.engine.ir.Flops;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.tensor.Shapes;
import java.util.ArrayList;
import java.util.List;

/**
 * Einsum of two operands as batches of matrix products: labels of both operands and the result are
 * batches, those of both that are summed are the inner dimension, and the others are rows and
 * columns.
 */
final class EinsumLowering {

  private EinsumLowering() {}

  /** False for one operand, for three and more, and where one operand alone is summed. */
  static boolean lower(CudaProgram p, Node node) {
    if (node.inputs().size() != 2 || node.output(0).elements() == 0) {
      return false;
    }
    View a = p.dense(node.input(0), p.type);
    View b = p.dense(node.input(1), p.type);
    String equation = node.attributes().getString("equation", "");
    EinsumSpec spec = EinsumSpec.parse(equation, new long[][] {a.shape(), b.shape()});
    long[] out = spec.outputShape();
    List<Integer> batch = new ArrayList<>();
    List<Integer> rows = new ArrayList<>();
    List<Integer> columns = new ArrayList<>();
    for (int d = 0; d < out.length; d++) {
      boolean ina = spec.outputSteps(0)[d] != 0;
      boolean inb = spec.outputSteps(1)[d] != 0;
      (ina && inb ? batch : inb ? columns : rows).add(d);
    }
    long[] summed = spec.summedShape();
    for (int d = 0; d < summed.length; d++) {
      boolean both = spec.summedSteps(0)[d] != 0 && spec.summedSteps(1)[d] != 0;
      if (!both && summed[d] != 1) {
        return false;
      }
    }
    long k = Shapes.elements(summed);
    if (k == 0) {
      return false;
    }
    View left = matrix(p, a, spec, 0, batch, rows, true);
    View right = matrix(p, b, spec, 1, batch, columns, false);
    long[] sizes = {size(out, batch), size(out, rows), size(out, columns)};
    View y = p.allocateDense(p.type, sizes);
    if (!MatMulLowering.product(p, left, right, y, 1, null, "Einsum", Flops.of(node) * 2 * k)) {
      return false;
    }
    p.put(node.output(0), ordered(y, out, List.of(batch, rows, columns)));
    return true;
  }

  private static long size(long[] out, List<Integer> dims) {
    long n = 1;
    for (int d : dims) {
      n *= out[d];
    }
    return n;
  }

  /** An operand as [batch, own, summed], or with the last two exchanged. */
  private static View matrix(
      CudaProgram p,
      View v,
      EinsumSpec spec,
      int operand,
      List<Integer> batch,
      List<Integer> own,
      boolean summedLast) {
    long[] out = spec.outputShape();
    long[] steps = spec.outputSteps(operand);
    long[] summed = spec.summedShape();
    int rank = batch.size() + own.size() + summed.length;
    long[] shape = new long[rank];
    long[] strides = new long[rank];
    int n = 0;
    for (int d : batch) {
      shape[n] = out[d];
      strides[n++] = steps[d];
    }
    for (int pass = 0; pass < 2; pass++) {
      if (pass == 0 == summedLast) {
        for (int d : own) {
          shape[n] = out[d];
          strides[n++] = steps[d];
        }
      } else {
        for (int d = 0; d < summed.length; d++) {
          shape[n] = summed[d];
          strides[n++] = spec.summedSteps(operand)[d];
        }
      }
    }
    View moved = new View(v.slot(), v.offset(), v.dtype(), shape, strides);
    long k = Shapes.elements(summed);
    long m = size(out, own);
    long[] three = {size(out, batch), summedLast ? m : k, summedLast ? k : m};
    View flat = moved.reshape(three);
    return flat != null ? flat : p.dense(moved).reshape(three);
  }

  /** The result [batch, rows, columns] under the order of the equation. */
  private static View ordered(View y, long[] out, List<List<Integer>> groups) {
    List<Integer> order = new ArrayList<>();
    groups.forEach(order::addAll);
    long[] shape = new long[out.length];
    for (int i = 0; i < shape.length; i++) {
      shape[i] = out[order.get(i)];
    }
    View split = y.reshape(shape);
    int[] perm = new int[out.length];
    for (int d = 0; d < perm.length; d++) {
      perm[d] = order.indexOf(d);
    }
    return split.transpose(perm);
  }
}
