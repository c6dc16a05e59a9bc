package io.github.morseengine.engine.graph.passes;

import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Constant;
import io.github.morseengine.engine.ir.FusedOps;
import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import java.util.Arrays;

/**
 * MatMul with a constant matrix, and Gemm, become Linear; an addition of a constant row its bias.
 */
final class LinearFusion implements Pass {

  @Override
  public boolean apply(Graph graph) {
    return Rewriter.sweep(
        graph,
        (r, n) -> {
          if (n.output(0) == null || !Match.isReal(n.output(0))) {
            return;
          }
          if (n.is("MatMul") && weight(n.input(1)) && n.input(0).rank() >= 2) {
            r.fuse(n, n.name(), FusedOps.LINEAR, Attributes.NONE, n.input(0), n.input(1));
          } else if (n.is("Gemm")) {
            gemm(r, n);
          } else if (n.is("Add")) {
            bias(r, n, 0);
          }
        });
  }

  private static boolean weight(Value v) {
    return v.isConstant() && v.rank() == 2 && v.elements() > 0;
  }

  private static void gemm(Rewriter r, Node n) {
    Attributes a = n.attributes();
    Value c = n.input(2);
    double beta = c == null ? 0 : a.getFloat("beta", 1);
    if (!weight(n.input(1)) || a.getInt("transA", 0) != 0) {
      return;
    }
    Value bias = null;
    Value residual = null;
    if (beta != 0 && c.isConstant() && (row(c, n.output(0).shape()[1]) || c.elements() == 1)) {
      long columns = n.output(0).shape()[1];
      Value all = row(c, columns) ? flat(c) : Constants.filled(c.name(), columns, Match.scalar(c));
      bias = Constants.scaled(all, beta);
    } else if (beta == 1 && Arrays.equals(c.shape(), n.output(0).shape())) {
      residual = c;
    } else if (beta != 0) {
      return;
    }
    Constant w = n.input(1).constant();
    Value matrix =
        a.getInt("transB", 0) == 0
            ? n.input(1)
            : Value.ofConstant(n.input(1).name(), w.transpose(1, 0));
    matrix = Constants.scaled(matrix, a.getFloat("alpha", 1));
    r.fuse(n, n.name(), FusedOps.LINEAR, Attributes.NONE, n.input(0), matrix, bias, residual);
  }

  private static void bias(Rewriter r, Node n, int i) {
    Node linear = Match.fused(n.input(i), FusedOps.LINEAR);
    Value by = n.input(1 - i);
    boolean open =
        linear != null
            && linear.input(2) == null
            && linear.input(3) == null
            && linear.attributes().getString("activation", "none").equals("none")
            && r.usedOnce(n.input(i))
            && n.output(0).rank() == linear.output(0).rank()
            && row(by, linear.input(1).shape()[1]);
    if (open) {
      r.fuse(
          n,
          linear.name(),
          FusedOps.LINEAR,
          Attributes.NONE,
          linear.input(0),
          linear.input(1),
          flat(by));
    } else if (i == 0) {
      bias(r, n, 1);
    }
  }

  /** A constant with one number per column. */
  private static boolean row(Value v, long columns) {
    return v.isConstant() && v.elements() == columns && v.shape()[v.rank() - 1] == columns;
  }

  private static Value flat(Value v) {
    return v == null || v.rank() == 1
        ? v
        : Value.ofConstant(v.name(), v.constant().reshape(v.elements()));
  }
}
