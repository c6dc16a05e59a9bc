package io.github.morseengine.engine.graph.passes;

import io.github.morseengine.engine.ir.FusedOps;
import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;

/**
 * A constant factor after a convolution or linear layer moves into its weights, and one before a
 * group normalisation into epsilon: {@code gn(c x, e) = gn(x, e / c^2)}. The output scale of NCSN++
 * blocks with a convolution on the shortcut goes away so.
 */
final class WeightScales implements Pass {

  @Override
  public boolean apply(Graph graph) {
    return Rewriter.sweep(
        graph,
        (r, n) -> {
          if (n.isFused(FusedOps.GROUP_NORM)) {
            norm(r, n);
          } else if (n.is("Mul") || n.is("Div")) {
            weights(r, n);
          }
        });
  }

  private static void norm(Rewriter r, Node norm) {
    Value x = norm.input(0);
    double factor = Match.factor(x.producer());
    Value bare = Match.scaled(x.producer());
    boolean fits =
        factor > 0
            && r.usedOnce(x)
            && norm.input(3) == null
            && bare.rank() == x.rank()
            && bare.elements() == x.elements();
    if (fits) {
      double epsilon = norm.attributes().getFloat("epsilon", 1e-5f) / (factor * factor);
      Value[] in = norm.inputs().toArray(Value[]::new);
      in[0] = bare;
      r.fuse(
          norm, norm.name(), FusedOps.GROUP_NORM, norm.attributes().with("epsilon", epsilon), in);
    }
  }

  private static void weights(Rewriter r, Node n) {
    double factor = Match.factor(n);
    Node main = Double.isNaN(factor) ? null : bare(r, Match.scaled(n));
    if (main == null || main.output(0).rank() != n.output(0).rank()) {
      return;
    }
    Value residual = main.input(3);
    if (residual != null) {
      Node source = bare(r, residual);
      if (source == null || source.input(3) != null) {
        return;
      }
      residual =
          r.emit(
              source.name(),
              FusedOps.DOMAIN,
              source.opType(),
              source.attributes(),
              residual.shape(),
              source.input(0),
              Constants.scaled(source.input(1), factor),
              Constants.scaled(source.input(2), factor));
    }
    r.fuse(
        n,
        main.name(),
        main.opType(),
        main.attributes(),
        main.input(0),
        Constants.scaled(main.input(1), factor),
        Constants.scaled(main.input(2), factor),
        residual);
  }

  /** The layer that computes a value for one reader, without activation, or null. */
  private static Node bare(Rewriter r, Value v) {
    Node main = Match.fused(v, FusedOps.CONV);
    main = main == null ? Match.fused(v, FusedOps.LINEAR) : main;
    boolean fits =
        main != null
            && r.usedOnce(v)
            && Epilogues.activation(main) == null
            && main.input(1).elements() <= Constants.CHEAP_WEIGHTS
            && (main.input(2) == null || main.input(2).isConstant());
    return fits ? main : null;
  }
}
