package io.github.morseengine.engine.graph.passes;

import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.FusedOps;
import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Takes the residual addition and the activation behind a convolution or linear layer into it. The
 * addition may stand behind Reshapes and Transposes (an attention's output projection): then the
 * other operand is seen through their inverse.
 */
final class Epilogues implements Pass {

  private static final int MAX_VIEWS = 4;

  @Override
  public boolean apply(Graph graph) {
    return Rewriter.sweep(
        graph,
        (r, n) -> {
          if (n.is("Add") && Arrays.equals(n.input(0).shape(), n.input(1).shape())) {
            for (int i = 0; i < 2; i++) {
              if (residual(r, n, n.input(i), n.input(1 - i))) {
                return;
              }
            }
          } else if (n.isFused(FusedOps.SILU)) {
            activate(r, n, "silu");
          } else if (n.is("Gelu")) {
            boolean tanh = n.attributes().getString("approximate", "none").equals("tanh");
            activate(r, n, tanh ? "gelu_tanh" : "gelu");
          }
        });
  }

  /** The activation of a fused node; null if it has none. */
  static String activation(Node n) {
    String a = n.attributes().getString("activation", "none");
    return a.equals("none") ? null : a;
  }

  private static void activate(Rewriter r, Node n, String activation) {
    Value x = n.input(0);
    Node linear = Match.fused(x, FusedOps.LINEAR);
    Node conv = activation.equals("silu") ? Match.fused(x, FusedOps.CONV) : null;
    Node main = linear != null ? linear : conv;
    if (main != null && activation(main) == null && r.usedOnce(x)) {
      Attributes a = main.attributes().with("activation", activation);
      r.fuse(n, main.name(), main.opType(), a, main.inputs().toArray(Value[]::new));
    }
  }

  private static boolean residual(Rewriter r, Node n, Value sum, Value other) {
    List<Node> views = new ArrayList<>();
    Value at = sum;
    while (views.size() < MAX_VIEWS && r.usedOnce(at)) {
      Node view = at.producer();
      if (view == null || !view.is("Reshape") && !view.is("Transpose")) {
        break;
      }
      views.add(view);
      at = view.input(0);
    }
    Node main = Match.fused(at, FusedOps.LINEAR);
    main = main == null && views.isEmpty() ? Match.fused(at, FusedOps.CONV) : main;
    boolean open =
        main != null && r.usedOnce(at) && main.input(3) == null && activation(main) == null;
    if (!open || other.dtype() != at.dtype() || other.isConstant()) {
      return false;
    }
    Value seen = other;
    for (Node view : views) {
      seen = inverse(r, view, seen);
    }
    Value[] in = {main.input(0), main.input(1), main.input(2), seen};
    if (views.isEmpty()) {
      r.fuse(n, main.name(), main.opType(), main.attributes(), in);
      return true;
    }
    Value y =
        r.emit(main.name(), FusedOps.DOMAIN, main.opType(), main.attributes(), at.shape(), in);
    for (int i = views.size() - 1; i >= 0; i--) {
      y = forward(r, views.get(i), y);
    }
    r.substitute(n, y);
    return true;
  }

  private static Value forward(Rewriter r, Node view, Value v) {
    return view.is("Reshape")
        ? r.reshape(v, view.output(0).shape())
        : r.transpose(v, ViewChains.permutation(view));
  }

  private static Value inverse(Rewriter r, Node view, Value v) {
    if (view.is("Reshape")) {
      return r.reshape(v, view.input(0).shape());
    }
    int[] perm = ViewChains.permutation(view);
    int[] back = new int[perm.length];
    for (int i = 0; i < perm.length; i++) {
      back[perm[i]] = i;
    }
    return r.transpose(v, back);
  }
}
