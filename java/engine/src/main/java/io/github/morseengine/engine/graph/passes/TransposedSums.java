package io.github.morseengine.engine.graph.passes;

import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import java.util.Arrays;

/**
 * A sum of two values that are transposed alike is computed before they are, so that it stands
 * behind the convolution or layer that makes them: networks that were rewritten with channels last
 * have their sums between two transpositions.
 */
final class TransposedSums implements Pass {

  @Override
  public boolean apply(Graph graph) {
    return Rewriter.sweep(
        graph,
        (r, n) -> {
          if (n.is("Add") && Match.isReal(n.output(0))) {
            move(r, n);
          }
        });
  }

  private static void move(Rewriter r, Node n) {
    Node transpose = Match.producer(n.input(0), "Transpose");
    transpose = transpose == null ? Match.producer(n.input(1), "Transpose") : transpose;
    if (transpose == null) {
      return;
    }
    int[] perm = ViewChains.permutation(transpose);
    int rank = perm.length;
    Value[] before = new Value[2];
    for (int i = 0; i < 2; i++) {
      before[i] = before(r, n.input(i), perm);
      if (before[i] == null || before[i].rank() != rank) {
        return;
      }
    }
    long[] after = n.output(0).shape();
    long[] shape = new long[rank];
    for (int d = 0; d < rank; d++) {
      shape[perm[d]] = after[d];
    }
    Value y = r.emit(n.name(), "", "Add", Attributes.NONE, shape, before);
    r.transposeTo(n, y, perm);
  }

  /** What a value was before a permutation; null where undoing it would move elements. */
  private static Value before(Rewriter r, Value v, int[] perm) {
    Node transpose = Match.producer(v, "Transpose");
    if (transpose != null) {
      return Arrays.equals(ViewChains.permutation(transpose), perm) ? transpose.input(0) : null;
    }
    int rank = perm.length;
    long[] full = new long[rank];
    Arrays.fill(full, 1);
    System.arraycopy(v.shape(), 0, full, rank - v.rank(), v.rank());
    int[] inverse = new int[rank];
    for (int d = 0; d < rank; d++) {
      inverse[perm[d]] = d;
    }
    if (v.isConstant()) {
      return r.transpose(r.reshape(v, full), inverse);
    }
    // Only dimensions of 1 change their place.
    long[] moved = new long[rank];
    int last = -1;
    for (int d = 0; d < rank; d++) {
      moved[d] = full[inverse[d]];
      if (moved[d] != 1) {
        if (inverse[d] < last) {
          return null;
        }
        last = inverse[d];
      }
    }
    return r.reshape(v, moved);
  }
}
