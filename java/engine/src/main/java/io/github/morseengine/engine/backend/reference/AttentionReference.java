package io.github.morseengine.engine.backend.reference;

import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Shapes;
import io.github.morseengine.engine.tensor.Tensor;
import java.util.Arrays;

/** ONNX Attention (opset 23 and later) and the attention that passes make. */
final class AttentionReference {

  /** What {@code qk_matmul_output} shows, by its mode; 0 is the scaled product itself. */
  private static final int CAPPED = 1;

  private static final int BIASED = 2;
  private static final int WEIGHTS = 3;

  private AttentionReference() {}

  /**
   * Which keys a position sees. Position i of a query stands at i + offset among the keys, where
   * the offset is the length of the past, or the count of valid keys less that of positions.
   *
   * @param left keys before the position, itself not counted; -1 for all
   * @param right keys after it; -1 for all
   * @param past length of the key cache in front
   * @param valid number of valid keys per batch; null for all
   */
  private record Scope(long left, long right, long past, Tensor valid) {

    boolean sees(long batch, long i, long j, long positions) {
      long at = i + (valid == null ? past : valid.getLong(batch) - positions);
      return (left < 0 || at - j <= left)
          && (right < 0 || j - at <= right)
          && (valid == null || j < valid.getLong(batch));
    }
  }

  static Tensor[] run(Node node, Tensor[] in) {
    Attributes a = node.attributes();
    boolean flat = in[0].rank() == 3;
    int heads = (int) a.getInt("q_num_heads", flat ? 1 : in[0].dim(1));
    int kvHeads = (int) a.getInt("kv_num_heads", flat ? heads : in[1].dim(1));
    Tensor q = flat ? heads(in[0], heads) : in[0];
    Tensor k = flat ? heads(in[1], kvHeads) : in[1];
    Tensor v = flat ? heads(in[2], kvHeads) : in[2];
    Tensor past = optional(in, 4);
    if (past != null) {
      k = Movement.concat(new Tensor[] {past, k}, 2);
      v = Movement.concat(new Tensor[] {in[5], v}, 2);
    }
    double scale = a.has("scale") ? a.getFloat("scale", 1) : 1 / Math.sqrt(q.dim(3));
    long right = a.getInt("right_window_size", -1);
    Scope scope =
        new Scope(
            a.getInt("left_window_size", -1),
            a.getInt("is_causal", 0) == 1 ? 0 : right,
            past == null ? 0 : past.dim(2),
            optional(in, 6));
    boolean shown = node.output(3) != null;
    Tensor scores =
        shown ? Tensor.allocate(q.dtype(), q.dim(0), q.dim(1), q.dim(2), k.dim(2)) : null;
    int mode = (int) a.getInt("qk_matmul_output_mode", 0);
    Rows rows = new Rows(scale, a.getFloat("softcap", 0), scope, scores, mode);
    Tensor y = rows.attend(q, k, v, optional(in, 3));
    if (flat) {
      y = Movement.transpose(y, 0, 2, 1, 3).reshape(y.dim(0), y.dim(2), y.dim(1) * y.dim(3));
    }
    return new Tensor[] {y, k, v, scores};
  }

  private static Tensor optional(Tensor[] in, int i) {
    return i < in.length ? in[i] : null;
  }

  private static Tensor heads(Tensor x, int heads) {
    ReferenceOps.check(heads > 0 && x.dim(2) % heads == 0, "width does not divide by heads");
    Tensor four = x.reshape(x.dim(0), x.dim(1), heads, x.dim(2) / heads);
    return Movement.transpose(four, 0, 2, 1, 3);
  }

  /** softmax(scale Q K^T + mask) V; key and value heads are repeated where there are fewer. */
  static Tensor attend(Tensor q, Tensor k, Tensor v, Tensor mask, double scale) {
    return new Rows(scale, 0, new Scope(-1, -1, 0, null), null, 0).attend(q, k, v, mask);
  }

  /**
   * Attention row by row.
   *
   * @param scale factor of the product
   * @param cap bound of the scores, cap * tanh(score / cap); 0 for none
   * @param scope which keys are seen
   * @param shown receives the scores [N,H,L,S]; null if nobody reads them
   * @param mode at which stage they are shown
   */
  private record Rows(double scale, double cap, Scope scope, Tensor shown, int mode) {

    Tensor attend(Tensor q, Tensor k, Tensor v, Tensor mask) {
      long n = q.dim(0);
      long h = q.dim(1);
      long l = q.dim(2);
      long kv = k.dim(1);
      int s = Math.toIntExact(k.dim(2));
      int e = Math.toIntExact(v.dim(3));
      ReferenceOps.check(kv > 0 && h % kv == 0 && k.dim(3) == q.dim(3), "Q, K and V do not fit");
      Tensor out = Tensor.allocate(q.dtype(), n, h, l, e);
      Mask bias = mask == null ? null : new Mask(mask, new long[] {n, h, l, s});
      double[] w = new double[s];
      double[] acc = new double[e];
      for (long row = 0; row < n * h * l; row++) {
        long group = row / l / h * kv + row / l % h / (h / kv);
        weigh(q, k, row, group, bias, w);
        Arrays.fill(acc, 0);
        for (int j = 0; j < s; j++) {
          for (int i = 0; i < e && w[j] != 0; i++) {
            acc[i] += w[j] * v.getDouble((group * s + j) * e + i);
          }
        }
        for (int i = 0; i < e; i++) {
          out.setDouble(row * e + i, acc[i]);
        }
      }
      return out;
    }

    /** The weights of one row; all 0 where it sees no key. */
    private void weigh(Tensor q, Tensor k, long row, long group, Mask mask, double[] w) {
      long l = q.dim(2);
      long batch = row / l / q.dim(1);
      double max = Double.NEGATIVE_INFINITY;
      for (int j = 0; j < w.length; j++) {
        double score = dot(q, k, row, group * w.length + j) * scale;
        show(row, j, score, 0);
        score = cap == 0 ? score : cap * Math.tanh(score / cap);
        show(row, j, score, CAPPED);
        double bias = mask == null ? 0 : mask.next(j);
        if (!scope.sees(batch, row % l, j, l)) {
          bias = Double.NEGATIVE_INFINITY;
        }
        // A forbidden key stays forbidden, whatever its score.
        w[j] = bias == Double.NEGATIVE_INFINITY ? bias : score + bias;
        show(row, j, w[j], BIASED);
        max = Math.max(max, w[j]);
      }
      double sum = 0;
      for (int j = 0; j < w.length; j++) {
        w[j] = max == Double.NEGATIVE_INFINITY ? 0 : Math.exp(w[j] - max);
        sum += w[j];
      }
      for (int j = 0; j < w.length; j++) {
        w[j] = sum == 0 ? 0 : w[j] / sum;
        show(row, j, w[j], WEIGHTS);
      }
    }

    private static double dot(Tensor q, Tensor k, long row, long key) {
      long d = q.dim(3);
      double sum = 0;
      for (long i = 0; i < d; i++) {
        sum += q.getDouble(row * d + i) * k.getDouble(key * d + i);
      }
      return sum;
    }

    private void show(long row, int j, double value, int stage) {
      if (shown != null && mode == stage) {
        shown.setDouble(row * shown.dim(3) + j, value);
      }
    }
  }

  /** What a mask adds, in row-major order of the scores; keys beyond its end are forbidden. */
  private static final class Mask {
    private final Tensor values;
    private final Walk walk;
    private final long keys;

    Mask(Tensor values, long[] scores) {
      this.values = values;
      long last = values.rank() == 0 ? 1 : values.dim(values.rank() - 1);
      this.keys = last == 1 ? scores[3] : last;
      long[] covered = scores.clone();
      covered[3] = keys;
      ReferenceOps.check(
          keys <= scores[3] && Arrays.equals(Shapes.broadcast(values.shape(), covered), covered),
          values + " as mask of scores " + Arrays.toString(scores));
      this.walk = new Walk(values.shape(), covered);
    }

    double next(int key) {
      if (key >= keys) {
        return Double.NEGATIVE_INFINITY;
      }
      long at = walk.next();
      if (values.dtype() == DType.BOOL) {
        return values.getLong(at) != 0 ? 0 : Double.NEGATIVE_INFINITY;
      }
      return values.getDouble(at);
    }
  }
}
