package io.github.morseengine.engine.graph.passes;

import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.ShapeRules;
import io.github.morseengine.engine.ir.Value;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;

/**
 * Makes Squeeze, Unsqueeze and Flatten plain Reshapes, and of every chain of Reshapes and
 * Transposes the shortest with the same effect: nothing, one of them, or both.
 */
final class ViewChains implements Pass {

  private static final Set<String> RESHAPES = Set.of("Flatten", "Squeeze", "Unsqueeze");

  @Override
  public boolean apply(Graph graph) {
    return Rewriter.sweep(
        graph,
        (r, n) -> {
          if (n.domain().isEmpty() && RESHAPES.contains(n.opType()) && !n.input(0).isConstant()) {
            r.reshapeTo(n, n.input(0));
          } else if (Movement.isMovement(n)) {
            shorten(r, n);
          }
        });
  }

  /** The permutation of a Transpose; reversed where none is given. */
  static int[] permutation(Node n) {
    return ShapeRules.permutation(n, n.input(0).rank());
  }

  private static void shorten(Rewriter r, Node last) {
    List<Node> chain = new ArrayList<>(List.of(last));
    while (Movement.isMovement(chain.getFirst().input(0).producer())) {
      chain.addFirst(chain.getFirst().input(0).producer());
    }
    for (boolean done = false; !done && !chain.isEmpty(); chain.removeFirst()) {
      Movement movement = Movement.of(chain.getFirst().input(0), chain);
      done = movement != null && shorten(r, last, chain, movement);
    }
  }

  private static boolean shorten(Rewriter r, Node last, List<Node> chain, Movement movement) {
    Value source = chain.getFirst().input(0);
    long[] wanted = last.output(0).shape();
    if (movement.isReshape()) {
      boolean nothing = Arrays.equals(source.shape(), wanted);
      if (nothing) {
        r.substitute(last, source);
      } else if (chain.size() > 1) {
        r.reshapeTo(last, source);
      }
      return nothing || chain.size() > 1;
    }
    int[] perm = movement.ofSource();
    if (perm != null && Arrays.equals(permuted(source.shape(), perm), wanted)) {
      if (chain.size() > 1) {
        r.transposeTo(last, source, perm);
      }
      return chain.size() > 1;
    }
    if (chain.size() < 3) {
      return false;
    }
    if (perm != null) {
      r.reshapeTo(last, r.transpose(source, perm));
      return true;
    }
    perm = movement.ofResult();
    if (perm == null) {
      return false;
    }
    long[] cut = new long[perm.length];
    for (int i = 0; i < perm.length; i++) {
      cut[perm[i]] = wanted[i];
    }
    r.transposeTo(last, r.reshape(source, cut), perm);
    return true;
  }

  private static long[] permuted(long[] shape, int[] perm) {
    long[] out = new long[perm.length];
    for (int i = 0; i < perm.length; i++) {
      out[i] = shape[perm[i]];
    }
    return out;
  }
}
