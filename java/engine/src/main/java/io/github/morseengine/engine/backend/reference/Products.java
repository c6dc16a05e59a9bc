package io.github.morseengine.engine.backend.reference;

import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.ShapeRules;
import io.github.morseengine.engine.tensor.Tensor;
import java.util.Arrays;

/** Matrix products. */
final class Products {

  private Products() {}

  static Tensor matmul(Tensor a, Tensor b) {
    Tensor left = a.rank() == 1 ? a.reshape(1, a.dim(0)) : a;
    Tensor right = b.rank() == 1 ? b.reshape(b.dim(0), 1) : b;
    long[] full = ShapeRules.matmul(left.shape(), right.shape());
    Tensor out = Tensor.allocate(a.dtype(), full);
    long m = full[full.length - 2];
    long n = full[full.length - 1];
    long k = left.dim(left.rank() - 1);
    long[] batch = Arrays.copyOf(full, full.length - 2);
    Walk wl = new Walk(Arrays.copyOf(left.shape(), left.rank() - 2), batch);
    Walk wr = new Walk(Arrays.copyOf(right.shape(), right.rank() - 2), batch);
    long batches = m * n == 0 ? 0 : out.elements() / (m * n);
    double[] row = new double[Math.toIntExact(n)];
    for (long i = 0; i < batches; i++) {
      long l = wl.next() * m * k;
      long r = wr.next() * k * n;
      for (long y = 0; y < m; y++) {
        Arrays.fill(row, 0);
        for (long z = 0; z < k; z++) {
          double v = left.getDouble(l + y * k + z);
          for (int x = 0; x < n; x++) {
            row[x] += v * right.getDouble(r + z * n + x);
          }
        }
        for (int x = 0; x < n; x++) {
          out.setDouble((i * m + y) * n + x, row[x]);
        }
      }
    }
    return out.reshape(ShapeRules.matmul(a.shape(), b.shape()));
  }

  static Tensor gemm(Node node, Tensor[] in) {
    Attributes at = node.attributes();
    Tensor a = at.getInt("transA", 0) == 1 ? Movement.transpose(in[0], 1, 0) : in[0];
    Tensor b = at.getInt("transB", 0) == 1 ? Movement.transpose(in[1], 1, 0) : in[1];
    double alpha = at.getFloat("alpha", 1);
    double beta = at.getFloat("beta", 1);
    Tensor product = matmul(a, b);
    Tensor c = in.length > 2 ? in[2] : null;
    Walk wc = c == null ? null : new Walk(c.shape(), product.shape());
    Tensor out = Tensor.allocate(product.dtype(), product.shape());
    for (long i = 0; i < out.elements(); i++) {
      double extra = c == null ? 0 : beta * c.getDouble(wc.next());
      out.setDouble(i, alpha * product.getDouble(i) + extra);
    }
    return out;
  }
}
