package io.github.morseengine.engine.graph.passes;

import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.FusedOps;
import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.tensor.Tensor;
import java.lang.foreign.Arena;
import java.util.Arrays;

/**
 * GroupNormalization, and its form below opset 21 (Reshape to groups, InstanceNormalization,
 * Reshape back), become the fused GroupNorm, to which {@link GroupNormEpilogue} adds what stands
 * around it.
 */
final class GroupNormFusion implements Pass {

  @Override
  public boolean apply(Graph graph) {
    boolean changed =
        Rewriter.sweep(
            graph,
            (r, n) -> {
              if (n.is("GroupNormalization")) {
                operator(r, n);
              } else if (n.is("Reshape")) {
                instance(r, n);
              }
            });
    return Rewriter.sweep(graph, GroupNormFusion::plain) || changed;
  }

  private static void operator(Rewriter r, Node n) {
    Value x = n.input(0);
    long groups = n.attributes().getInt("num_groups", 1);
    long channels = x.shape()[1];
    Value gamma = n.input(1);
    Value beta = n.input(2);
    if (!Match.isReal(x) || !gamma.isConstant() || !beta.isConstant()) {
      return;
    }
    Attributes a =
        Attributes.of("num_groups", groups, "epsilon", n.attributes().getFloat("epsilon", 1e-5f));
    r.fuse(
        n,
        n.name(),
        FusedOps.GROUP_NORM,
        a,
        x,
        perChannel(gamma, channels),
        perChannel(beta, channels));
  }

  /** One number per group, as opset 18 and InstanceNormalization have, or one per channel. */
  private static Value perChannel(Value v, long channels) {
    if (v.elements() == channels) {
      return v;
    }
    Tensor few = v.constant().materialize(Arena.ofAuto());
    return Constants.vector(v.name(), channels, c -> few.getDouble(c * few.elements() / channels));
  }

  private static void instance(Rewriter r, Node n) {
    Node norm = Match.producer(n.input(0), "InstanceNormalization");
    Node split = norm == null ? null : Match.producer(norm.input(0), "Reshape");
    if (split == null) {
      return;
    }
    Value x = split.input(0);
    long[] grouped = norm.input(0).shape();
    boolean shapes =
        x.rank() >= 3
            && grouped.length >= 3
            && Match.isReal(x)
            && channels(n.output(0).shape(), x.shape())
            && grouped[0] == x.shape()[0]
            && grouped[1] > 0
            && x.shape()[1] % grouped[1] == 0;
    if (!shapes || !norm.input(1).isConstant() || !norm.input(2).isConstant()) {
      return;
    }
    Attributes a =
        Attributes.of(
            "num_groups", grouped[1], "epsilon", norm.attributes().getFloat("epsilon", 1e-5f));
    long channels = x.shape()[1];
    Value[] in = {x, perChannel(norm.input(1), channels), perChannel(norm.input(2), channels)};
    if (Arrays.equals(x.shape(), n.output(0).shape())) {
      r.fuse(n, norm.name(), FusedOps.GROUP_NORM, a, in);
    } else {
      Value y = r.emit(norm.name(), FusedOps.DOMAIN, FusedOps.GROUP_NORM, a, x.shape(), in);
      r.substitute(n, r.reshape(y, n.output(0).shape()));
    }
  }

  /** One group per channel: what is left where no Reshapes make groups of more. */
  private static void plain(Rewriter r, Node n) {
    Value x = n.input(0);
    if (!n.is("InstanceNormalization")
        || x.rank() < 3
        || !Match.isReal(x)
        || !n.input(1).isConstant()
        || !n.input(2).isConstant()) {
      return;
    }
    Attributes a =
        Attributes.of(
            "num_groups", x.shape()[1], "epsilon", n.attributes().getFloat("epsilon", 1e-5f));
    r.fuse(n, n.name(), FusedOps.GROUP_NORM, a, x, n.input(1), n.input(2));
  }

  /** Whether two shapes differ at most in how they spell the positions out. */
  private static boolean channels(long[] a, long[] b) {
    return a.length >= 3 && a[0] == b[0] && a[1] == b[1];
  }
}
