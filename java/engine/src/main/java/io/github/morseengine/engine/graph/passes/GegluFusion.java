package io.github.morseengine.engine.graph.passes;

import io.github.morseengine.engine.ir.FusedOps;
import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import java.util.Map;

/** a * gelu(b), with a and b the halves of one tensor, becomes GEGLU (Shazeer 2020). */
final class GegluFusion implements Pass {

  @Override
  public boolean apply(Graph graph) {
    return Rewriter.sweep(
        graph,
        (r, n) -> {
          if (!n.is("Mul")) {
            return;
          }
          for (int i = 0; i < 2; i++) {
            Node gelu = Match.producer(n.input(i), "Gelu");
            Value whole = gelu == null ? null : whole(n.input(1 - i), gelu.input(0));
            if (whole != null && r.usedOnce(gelu.output(0))) {
              r.fuse(
                  n, n.name(), FusedOps.GEGLU, Rewriter.copy(gelu, Map.of(), "approximate"), whole);
              return;
            }
          }
        });
  }

  /** The tensor whose first and second half along the last axis are given, or null. */
  private static Value whole(Value first, Value second) {
    Node a = first.producer();
    Node b = second.producer();
    if (a == null || b == null || a.input(0) != b.input(0)) {
      return null;
    }
    Value x = a.input(0);
    int last = x.rank() - 1;
    long half = x.shape()[last] / 2;
    if (first.shape()[last] != half
        || second.shape()[last] != half
        || 2 * half != x.shape()[last]) {
      return null;
    }
    if (a == b && a.is("Split")) {
      long axis = a.attributes().getInt("axis", 0);
      boolean fits = axis == last || axis == -1;
      return fits && a.output(0) == first && a.output(1) == second ? x : null;
    }
    return slice(a, last, 0) && slice(b, last, half) ? x : null;
  }

  private static boolean slice(Node n, int axis, long start) {
    double at = Match.scalar(n.input(3));
    boolean onAxis = at == axis || at == axis - n.input(0).rank();
    return n.is("Slice")
        && onAxis
        && Match.scalar(n.input(1)) == start
        && (n.input(4) == null || Match.scalar(n.input(4)) == 1);
  }
}
