package io.github.morseengine.engine.graph.passes;

import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Constant;
import io.github.morseengine.engine.ir.FusedOps;
import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.tensor.Tensor;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.Map;

/**
 * Takes into a GroupNorm what touches the same memory: the addition before it (the time embedding),
 * gamma and beta that an exporter wrote as Mul and Add, scale and shift per sample, and SiLU.
 */
final class GroupNormEpilogue implements Pass {

  private static final int GAMMA = 1;
  private static final int BETA = 2;
  private static final int BEFORE = 3;
  private static final int MULTIPLIER = 4;
  private static final int SHIFT = 5;

  @Override
  public boolean apply(Graph graph) {
    return Rewriter.sweep(
        graph,
        (r, n) -> {
          if (n.isFused(FusedOps.GROUP_NORM)) {
            before(r, n);
          } else if (n.isFused(FusedOps.SILU)) {
            Node norm = norm(r, n.input(0));
            if (norm != null) {
              replace(r, n, norm, inputs(norm), "silu");
            }
          } else if (n.is("Mul") || n.is("Add")) {
            for (int i = 0; i < 2; i++) {
              if (scale(r, n, norm(r, n.input(i)), n.input(1 - i))) {
                return;
              }
            }
          }
        });
  }

  /**
   * The norm that computes a value for one reader only and has no activation yet; a Reshape that
   * only spells the positions out differently may stand between.
   */
  private static Node norm(Rewriter r, Value v) {
    Node view = Match.producer(v, "Reshape");
    boolean positions =
        view != null
            && r.usedOnce(v)
            && v.rank() >= 3
            && view.input(0).rank() >= 3
            && v.shape()[0] == view.input(0).shape()[0]
            && v.shape()[1] == view.input(0).shape()[1];
    Value y = positions ? view.input(0) : v;
    Node norm = Match.fused(y, FusedOps.GROUP_NORM);
    boolean open =
        norm != null
            && (r.usedOnce(y) || isShared(r, norm))
            && norm.attributes().getString("activation", "none").equals("none");
    return open ? norm : null;
  }

  /**
   * A norm that exporters computed once for two scales of the same input; each of them takes it, in
   * one pass over memory with what follows.
   */
  private static boolean isShared(Rewriter r, Node norm) {
    return norm.inputs().size() == 3
        && r.scalesOnly(norm.output(0))
        && Match.uniform(norm.input(GAMMA)) == 1
        && Match.uniform(norm.input(BETA)) == 0;
  }

  private static void before(Rewriter r, Node norm) {
    Node add = Match.producer(norm.input(0), "Add");
    if (add == null || norm.input(BEFORE) != null || !r.usedOnce(add.output(0))) {
      return;
    }
    for (int i = 0; i < 2; i++) {
      Value x = add.input(1 - i);
      long rows = rows(add.input(i), norm.input(0).shape());
      if (rows > 0
          && x.elements() == norm.input(0).elements()
          && x.rank() == norm.input(0).rank()) {
        Value[] in = inputs(norm);
        in[0] = x;
        in[BEFORE] = r.reshape(add.input(i), rows, x.shape()[1]);
        replace(r, norm, norm, in, norm.attributes().getString("activation", "none"));
        return;
      }
    }
  }

  private static boolean scale(Rewriter r, Node n, Node norm, Value by) {
    if (norm == null || !Match.isReal(by)) {
      return false;
    }
    long[] shape = n.output(0).shape();
    long rows = rows(by, shape);
    if (rows < 0 || n.output(0).elements() != norm.output(0).elements()) {
      return false;
    }
    Value[] in = inputs(norm);
    boolean bare = in[MULTIPLIER] == null && in[SHIFT] == null;
    if (by.isConstant() && rows == 1 && bare) {
      if (n.is("Mul")) {
        in[GAMMA] = combine(in[GAMMA], by, true);
        in[BETA] = combine(in[BETA], by, true);
      } else {
        in[BETA] = combine(in[BETA], by, false);
      }
    } else {
      int slot = n.is("Mul") ? MULTIPLIER : SHIFT;
      if (in[slot] != null || n.is("Mul") && in[SHIFT] != null) {
        return false;
      }
      in[slot] = r.reshape(by, rows, shape[1]);
    }
    replace(r, n, norm, in, "none");
    return true;
  }

  private static Value[] inputs(Node norm) {
    Value[] in = new Value[SHIFT + 1];
    for (int i = 0; i < in.length; i++) {
      in[i] = norm.input(i);
    }
    return in;
  }

  private static void replace(Rewriter r, Node n, Node norm, Value[] in, String activation) {
    Attributes a = Rewriter.copy(norm, Map.of("activation", activation), "num_groups", "epsilon");
    long[] shape = norm.output(0).shape();
    if (Arrays.equals(shape, n.output(0).shape())) {
      r.fuse(n, norm.name(), FusedOps.GROUP_NORM, a, in);
    } else {
      Value y = r.emit(norm.name(), FusedOps.DOMAIN, FusedOps.GROUP_NORM, a, shape, in);
      r.substitute(n, r.reshape(y, n.output(0).shape()));
    }
  }

  /** 1 or N if a value is one number per channel (and sample) of an image; -1 if it is not. */
  private static long rows(Value v, long[] image) {
    long[] s = v.shape();
    int lead = image.length - s.length;
    if (lead < 0 || lead > 1 || s[1 - lead] != image[1]) {
      return -1;
    }
    for (int d = 2 - lead; d < s.length; d++) {
      if (s[d] != 1) {
        return -1;
      }
    }
    long rows = lead == 1 ? 1 : s[0];
    return rows == 1 || rows == image[0] ? rows : -1;
  }

  /** Constants stay as stored where the other operand is neutral, so that they can be shared. */
  private static Value combine(Value a, Value b, boolean multiply) {
    long channels = a.elements();
    Constant c = b.constant();
    double neutral = multiply ? 1 : 0;
    if (Match.uniform(a) == neutral && c.elements() == channels) {
      return Value.ofConstant(b.name(), c.reshape(channels));
    }
    if (multiply && Match.uniform(a) == 0) {
      return a;
    }
    float[] x = a.constant().materialize(Arena.ofAuto()).toFloats();
    float[] y = c.materialize(Arena.ofAuto()).toFloats();
    for (int i = 0; i < x.length; i++) {
      x[i] = multiply ? x[i] * y[i] : x[i] + y[i];
    }
    return Value.ofConstant(b.name(), Constant.of(Tensor.ofFloats(x, channels)));
  }
}
