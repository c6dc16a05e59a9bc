package io.github.morseengine.engine.backend.cuda;

import io.github.morseengine.engine.backend.plan.Dims;
import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.ir.Flops;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.tensor.Shapes;
import java.util.Arrays;
import java.util.List;

/** Products of two activations: MatMul in all its ranks and Gemm. */
final class MatMulLowering {

  private MatMulLowering() {}

  static boolean matmul(CudaProgram p, Node node) {
    if (node.output(0).elements() == 0 || node.input(0).elements() == 0) {
      return false;
    }
    View a = p.typed(view(p, node.input(0)), p.type);
    View b = p.typed(view(p, node.input(1)), p.type);
    long[] shape = node.output(0).shape();
    long[] full = shape;
    if (a.rank() == 1) {
      a = a.reshape(new long[] {1, a.shape()[0]});
      full = insert(full, full.length - (b.rank() == 1 ? 0 : 1));
    }
    if (b.rank() == 1) {
      b = b.reshape(new long[] {b.shape()[0], 1});
      full = insert(full, full.length);
    }
    View y = p.allocateDense(p.type, full);
    if (!product(p, a, b, y, 1, null, "MatMul", Flops.of(node))) {
      return false;
    }
    p.put(node.output(0), y.reshape(shape));
    return true;
  }

  private static View view(CudaProgram p, Value v) {
    return v.isConstant() ? p.dense(v, p.type) : p.get(v);
  }

  private static long[] insert(long[] shape, int at) {
    long[] out = new long[shape.length + 1];
    System.arraycopy(shape, 0, out, 0, at);
    out[at] = 1;
    System.arraycopy(shape, at, out, at + 1, shape.length - at);
    return out;
  }

  /**
   * Adds y = alpha a b + bias for tensors of at least two dimensions, batches broadcast.
   *
   * @param y dense in its last dimension
   */
  static boolean product(
      CudaProgram p, View a, View b, View y, double alpha, Value bias, String what, long flops) {
    int rank = y.rank();
    long[] batch = Arrays.copyOf(y.shape(), rank - 2);
    long m = y.shape()[rank - 2];
    long n = y.shape()[rank - 1];
    long k = a.shape()[a.rank() - 1];
    View ea = expanded(a, batch);
    View eb = expanded(b, batch);
    List<long[]> dims = batches(ea, eb, y, batch);
    if (dims.size() > 2) {
      View da = p.dense(ea);
      View db = p.dense(eb);
      dims = batches(da, db, y, batch);
      ea = da;
      eb = db;
    }
    if (dims.size() > 2) {
      return false;
    }
    long[] inner = dims.getLast();
    long[] outer = dims.size() == 2 ? dims.getFirst() : new long[] {1, 0, 0, 0};
    long[] strides = {outer[2], inner[2], outer[3], inner[3], 0, 0, outer[1], inner[1]};
    Product product =
        new Product(
            m,
            n,
            k,
            factor(ea, m, k),
            factor(eb, k, n),
            bias,
            null,
            factor(y, m, n),
            new Product.Batches(outer[0], inner[0], strides),
            0,
            alpha);
    return Products.add(p, product, what, flops);
  }

  /** Strides of single rows and columns do not matter; the most convenient are taken. */
  private static Product.Factor factor(View v, long rows, long columns) {
    int r = v.rank();
    long row = v.strides()[r - 2];
    long column = v.strides()[r - 1];
    if (columns == 1 && row != 1) {
      column = 1;
    }
    if (rows == 1) {
      row = column == 1 ? Math.max(columns, 1) : 1;
    }
    return new Product.Factor(v, row, column);
  }

  private static View expanded(View v, long[] batch) {
    long[] shape = Arrays.copyOf(batch, batch.length + 2);
    System.arraycopy(v.shape(), v.rank() - 2, shape, batch.length, 2);
    View raised = v.raise(shape.length);
    long[] strides = raised.strides().clone();
    for (int d = 0; d < batch.length; d++) {
      strides[d] = raised.shape()[d] == 1 ? 0 : strides[d];
    }
    return new View(v.slot(), v.offset(), v.dtype(), shape, strides);
  }

  private static List<long[]> batches(View a, View b, View y, long[] batch) {
    return Dims.merged(front(y, batch), front(a, batch), front(b, batch));
  }

  private static View front(View v, long[] batch) {
    long[] strides = Arrays.copyOf(v.strides(), batch.length);
    return new View(v.slot(), v.offset(), v.dtype(), batch, strides);
  }

  static boolean gemm(CudaProgram p, Node node) {
    Value c = node.input(2);
    double beta = node.attributes().getFloat("beta", 1);
    long[] shape = node.output(0).shape();
    boolean row = c == null || beta == 1 && c.elements() == shape[1] && last(c) == shape[1];
    if (!row || node.output(0).elements() == 0 || node.input(0).elements() == 0) {
      return false;
    }
    View a = p.typed(view(p, node.input(0)), p.type);
    View b = p.typed(view(p, node.input(1)), p.type);
    a = node.attributes().getInt("transA", 0) == 1 ? a.transpose(1, 0) : a;
    b = node.attributes().getInt("transB", 0) == 1 ? b.transpose(1, 0) : b;
    View y = p.output(node.output(0), p.type, Shapes.strides(shape));
    double alpha = node.attributes().getFloat("alpha", 1);
    return product(p, a, b, y, alpha, c, "Gemm", Flops.of(node));
  }

  private static long last(Value v) {
    return v.rank() == 0 ? 1 : v.shape()[v.rank() - 1];
  }
}
