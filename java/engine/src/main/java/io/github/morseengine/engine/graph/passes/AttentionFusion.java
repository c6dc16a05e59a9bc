package io.github.morseengine.engine.graph.passes;

import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.FusedOps;
import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import java.util.Arrays;
import java.util.Objects;

/**
 * MatMul, Softmax, MatMul becomes attention; the scale may stand on the queries, the keys or the
 * product, as a product or a quotient. The operator Attention of opset 23 is taken apart into the
 * same form where it has no cache.
 */
final class AttentionFusion implements Pass {

  @Override
  public boolean apply(Graph graph) {
    return Rewriter.sweep(
        graph,
        (r, n) -> {
          if (n.is("MatMul")) {
            chain(r, n);
          } else if (n.is("Attention")) {
            operator(r, n);
          }
        });
  }

  /** A value without the scalar factors in front of it. */
  private record Scaled(Value value, double factor) {

    static Scaled of(Value v) {
      double factor = 1;
      Node n = v.producer();
      while (n != null && !Double.isNaN(Match.factor(n)) && Match.scaled(n).rank() == v.rank()) {
        factor *= Match.factor(n);
        v = Match.scaled(n);
        n = v.producer();
      }
      return new Scaled(v, factor);
    }
  }

  private static void chain(Rewriter r, Node n) {
    Value guarded = guarded(r, n.input(0));
    Node softmax = Match.producer(guarded == null ? n.input(0) : guarded, "Softmax");
    int rank = n.output(0).rank();
    if (softmax == null || rank < 3 || rank > 4 || !Match.isReal(n.output(0))) {
      return;
    }
    long axis = softmax.attributes().getInt("axis", softmax.opset() < 13 ? 1 : -1);
    if (axis != -1 && axis != rank - 1 || guarded == null && !r.usedOnce(softmax.output(0))) {
      return;
    }
    Value scores = softmax.input(0);
    Value mask = null;
    Node add = Match.producer(scores, "Add");
    Scaled product = Scaled.of(scores);
    if (add != null) {
      Scaled left = Scaled.of(add.input(0));
      boolean first = Match.producer(left.value(), "MatMul") != null;
      product = first ? left : Scaled.of(add.input(1));
      mask = first ? add.input(1) : add.input(0);
    }
    Node matmul = Match.producer(product.value(), "MatMul");
    boolean shapes =
        matmul != null && Arrays.equals(matmul.output(0).shape(), softmax.input(0).shape());
    boolean known = mask == null || mask.isConstant();
    boolean masked =
        (mask == null || Match.isReal(mask))
            && (guarded == null || !known && mask.rank() > 0 || AttentionMasks.leavesKeys(mask));
    if (!shapes || !masked || !r.usedOnce(matmul.output(0)) || !fits(matmul, n)) {
      return;
    }
    Scaled q = Scaled.of(matmul.input(0));
    Scaled k = Scaled.of(matmul.input(1));
    double scale = product.factor() * q.factor() * k.factor();
    int[] swap = rank == 3 ? new int[] {0, 2, 1} : new int[] {0, 1, 3, 2};
    Value keys = r.transpose(k.value(), swap);
    if (guarded == null || known) {
      Value y = emit(r, n, q.value(), keys, n.input(1), mask, scale);
      r.substitute(n, y);
      return;
    }
    AttentionMasks.Guarded safe = AttentionMasks.guarded(r, mask);
    Value y = emit(r, n, q.value(), keys, n.input(1), safe.mask(), scale);
    r.put(n, n.name() + "/guarded", "", "Mul", n.opset(), Attributes.NONE, y, safe.keep());
  }

  /** What {@code where(isnan(p), 0, p)} protects from masks that leave a position no key. */
  private static Value guarded(Rewriter r, Value v) {
    Node where = Match.producer(v, "Where");
    Node isNan = where == null ? null : Match.producer(where.input(0), "IsNaN");
    boolean guard =
        isNan != null
            && isNan.input(0) == where.input(2)
            && Match.uniform(where.input(1)) == 0
            && r.usedOnce(v)
            && r.usedOnce(where.input(0))
            && r.uses(where.input(2)) == 2;
    return guard ? where.input(2) : null;
  }

  /** All batch dimensions are spelled out, so that nothing is broadcast but the mask. */
  private static boolean fits(Node first, Node second) {
    long[] q = first.input(0).shape();
    long[] k = first.input(1).shape();
    long[] v = second.input(1).shape();
    boolean same = q.length == k.length && k.length == v.length;
    for (int d = 0; same && d < q.length - 2; d++) {
      same = q[d] == k[d] && k[d] == v[d];
    }
    return same;
  }

  private static Value emit(
      Rewriter r, Node n, Value q, Value k, Value v, Value mask, double scale) {
    Attributes a = Attributes.of("scale", (float) scale);
    long[] s = n.output(0).shape();
    if (s.length == 4) {
      return r.emit(n.name(), FusedOps.DOMAIN, FusedOps.ATTENTION, a, s, q, k, v, mask);
    }
    long[] batch = batchAndHeads(q, mask);
    Value m = mask == null || mask.rank() < 3 ? mask : four(r, mask, mask.shape()[0], 1);
    Value[] in = {
      four(r, q, batch[0], batch[1]),
      four(r, k, batch[0], batch[1]),
      four(r, v, batch[0], batch[1]),
      m
    };
    long[] shape = {batch[0], batch[1], s[1], s[2]};
    return r.reshape(r.emit(n.name(), FusedOps.DOMAIN, FusedOps.ATTENTION, a, shape, in), s);
  }

  /** N and H again where [N,H,L,d] was seen as [N*H,L,d] before; else N*H and 1. */
  private static long[] batchAndHeads(Value q, Value mask) {
    Node merge = Match.producer(q, "Reshape");
    if (merge != null && merge.input(0).rank() == 4 && (mask == null || mask.rank() < 3)) {
      long[] s = merge.input(0).shape();
      if (s[2] == q.shape()[1] && s[3] == q.shape()[2]) {
        return new long[] {s[0], s[1]};
      }
    }
    return new long[] {q.shape()[0], 1};
  }

  /** [N*H,L,d] as [N,H,L,d]. */
  private static Value four(Rewriter r, Value v, long n, long h) {
    return r.reshape(v, n, h, v.shape()[1], v.shape()[2]);
  }

  private static void operator(Rewriter r, Node n) {
    Attributes a = n.attributes();
    Value q = n.input(0);
    Value mask = n.input(3);
    boolean plain =
        n.inputs().stream().skip(4).allMatch(Objects::isNull)
            && n.outputs().stream().skip(1).allMatch(Objects::isNull)
            && a.getFloat("softcap", 0) == 0
            && a.getInt("left_window_size", -1) < 0
            && a.getInt("right_window_size", -1) < 0
            && covers(mask, n.input(1))
            && Match.isReal(q);
    boolean flat = q.rank() == 3;
    long heads = a.getInt("q_num_heads", flat ? 0 : q.shape()[1]);
    long others = a.getInt("kv_num_heads", flat ? heads : n.input(1).shape()[1]);
    if (!plain || heads < 1 || heads != others) {
      return;
    }
    boolean causal = a.getInt("is_causal", 0) == 1;
    if (causal && mask != null) {
      return;
    }
    boolean later = mask != null && !mask.isConstant() && mask.rank() > 0;
    if (causal) {
      int positions = flat ? 1 : 2;
      long keys = n.input(1).shape()[positions];
      mask = AttentionMasks.causal(n.name() + "/causal", q.shape()[positions], keys);
    } else if (mask != null && !later) {
      mask = AttentionMasks.additive(mask);
    }
    boolean missing = mask == null && (causal || n.input(3) != null);
    if (missing || !later && !AttentionMasks.leavesKeys(mask)) {
      return;
    }
    AttentionMasks.Guarded safe = later ? AttentionMasks.guarded(r, mask) : null;
    mask = later ? safe.mask() : mask;
    Value[] in = new Value[3];
    for (int i = 0; i < 3; i++) {
      in[i] = flat ? split(r, n.input(i), heads) : n.input(i);
    }
    long d = in[0].shape()[3];
    Attributes scaled = Attributes.of("scale", a.getFloat("scale", (float) (1 / Math.sqrt(d))));
    long[] s = {in[0].shape()[0], heads, in[0].shape()[2], in[2].shape()[3]};
    Value y =
        r.emit(n.name(), FusedOps.DOMAIN, FusedOps.ATTENTION, scaled, s, in[0], in[1], in[2], mask);
    if (later) {
      y = r.emit(n.name() + "/guarded", "", "Mul", Attributes.NONE, s, y, safe.keep());
    }
    r.substitute(n, flat ? r.reshape(r.transpose(y, 0, 2, 1, 3), n.output(0).shape()) : y);
  }

  /** Whether a mask does not end before the keys do. */
  private static boolean covers(Value mask, Value keys) {
    long count = keys.shape()[keys.rank() == 4 ? 2 : 1];
    long last = mask == null || mask.rank() == 0 ? 1 : mask.shape()[mask.rank() - 1];
    return last == 1 || last == count;
  }

  /** [N,L,H*d] as [N,H,L,d]. */
  private static Value split(Rewriter r, Value v, long heads) {
    long[] s = v.shape();
    return r.transpose(r.reshape(v, s[0], s[1], heads, s[2] / heads), 0, 2, 1, 3);
  }
}
