package io.github.morseengine.engine.backend.reference;

import io.github.morseengine.engine.error.UnsupportedOpException;
import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;

/** ONNX Attention (opset 23) and the attention that passes make. */
final class AttentionReference {

  private AttentionReference() {}

  static Tensor[] run(Node node, Tensor[] in) {
    Attributes a = node.attributes();
    boolean past = in.length > 4 && in[4] != null;
    if (past || node.output(1) != null || node.output(2) != null || node.output(3) != null) {
      throw new UnsupportedOpException(
          "node '" + node.name() + "': Attention with a key-value cache or extra outputs");
    }
    if (a.getFloat("softcap", 0) != 0) {
      throw new UnsupportedOpException("node '" + node.name() + "': Attention with softcap");
    }
    boolean flat = in[0].rank() == 3;
    int heads = (int) a.getInt("q_num_heads", flat ? 1 : in[0].dim(1));
    int kvHeads = (int) a.getInt("kv_num_heads", flat ? heads : in[1].dim(1));
    Tensor q = flat ? heads(in[0], heads) : in[0];
    Tensor k = flat ? heads(in[1], kvHeads) : in[1];
    Tensor v = flat ? heads(in[2], kvHeads) : in[2];
    double scale = a.has("scale") ? a.getFloat("scale", 1) : 1 / Math.sqrt(q.dim(3));
    Tensor mask = in.length > 3 ? in[3] : null;
    Tensor y = attend(q, k, v, mask, scale, a.getInt("is_causal", 0) == 1);
    if (flat) {
      y = Movement.transpose(y, 0, 2, 1, 3).reshape(y.dim(0), y.dim(2), y.dim(1) * y.dim(3));
    }
    return ReferenceOps.one(y);
  }

  private static Tensor heads(Tensor x, int heads) {
    ReferenceOps.check(heads > 0 && x.dim(2) % heads == 0, "width does not divide by heads");
    Tensor four = x.reshape(x.dim(0), x.dim(1), heads, x.dim(2) / heads);
    return Movement.transpose(four, 0, 2, 1, 3);
  }

  /** softmax(scale Q K^T + mask) V; key and value heads are repeated where there are fewer. */
  static Tensor attend(Tensor q, Tensor k, Tensor v, Tensor mask, double scale, boolean causal) {
    long n = q.dim(0);
    long h = q.dim(1);
    long l = q.dim(2);
    long d = q.dim(3);
    long kv = k.dim(1);
    int s = Math.toIntExact(k.dim(2));
    int e = Math.toIntExact(v.dim(3));
    ReferenceOps.check(kv > 0 && h % kv == 0 && k.dim(3) == d, "Q, K and V do not fit");
    Tensor out = Tensor.allocate(q.dtype(), n, h, l, e);
    long[] full = {n, h, l, s};
    Walk wm = mask == null ? null : new Walk(mask.shape(), full);
    double[] w = new double[s];
    double[] acc = new double[e];
    for (long row = 0; row < n * h * l; row++) {
      long group = row / l / h * kv + row / l % h / (h / kv);
      long position = row % l;
      double max = Double.NEGATIVE_INFINITY;
      for (int j = 0; j < s; j++) {
        double dot = 0;
        for (long i = 0; i < d; i++) {
          dot += q.getDouble(row * d + i) * k.getDouble((group * s + j) * d + i);
        }
        w[j] = dot * scale;
        if (mask != null) {
          long at = wm.next();
          w[j] =
              mask.dtype() == DType.BOOL
                  ? mask.getLong(at) != 0 ? w[j] : Double.NEGATIVE_INFINITY
                  : w[j] + mask.getDouble(at);
        }
        if (causal && j > position) {
          w[j] = Double.NEGATIVE_INFINITY;
        }
        max = Math.max(max, w[j]);
      }
      double sum = 0;
      java.util.Arrays.fill(acc, 0);
      for (int j = 0; j < s; j++) {
        double p = max == Double.NEGATIVE_INFINITY ? 0 : Math.exp(w[j] - max);
        sum += p;
        for (int i = 0; i < e && p != 0; i++) {
          acc[i] += p * v.getDouble((group * s + j) * e + i);
        }
      }
      for (int i = 0; i < e; i++) {
        out.setDouble(row * e + i, sum == 0 ? 0 : acc[i] / sum);
      }
    }
    return out;
  }
}
