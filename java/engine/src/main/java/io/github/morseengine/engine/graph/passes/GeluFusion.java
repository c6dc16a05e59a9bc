package io.github.morseengine.engine.graph.passes;

import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import java.util.ArrayList;
import java.util.List;

/**
 * 0.5 x (1 + erf(x / sqrt(2))) and its tanh form become Gelu (Hendrycks and Gimpel 2016), in
 * whatever order the factors stand.
 */
final class GeluFusion implements Pass {

  private static final int MAX_FACTORS = 4;

  @Override
  public boolean apply(Graph graph) {
    return Rewriter.sweep(
        graph,
        (r, n) -> {
          if (!n.is("Mul")) {
            return;
          }
          List<Value> factors = new ArrayList<>();
          double scale = collect(n.output(0), factors, 1);
          if (factors.size() != 2 || !Match.near(scale, 0.5)) {
            return;
          }
          for (int i = 0; i < 2; i++) {
            Value x = factors.get(i);
            String form = form(factors.get(1 - i), x);
            if (form != null) {
              Attributes a = Attributes.of("approximate", form);
              r.put(n, n.name(), "", "Gelu", 20, a, x);
              return;
            }
          }
        });
  }

  /** Takes a product apart; scalars go into the returned factor. */
  private static double collect(Value v, List<Value> factors, double scale) {
    Node mul = Match.producer(v, "Mul");
    double s = Match.scalar(v);
    if (!Double.isNaN(s)) {
      return scale * s;
    }
    if (mul == null || factors.size() >= MAX_FACTORS) {
      factors.add(v);
      return scale;
    }
    return collect(mul.input(1), factors, collect(mul.input(0), factors, scale));
  }

  /** Which form of 1 + f(x) a gate has; null if neither. */
  private static String form(Value gate, Value x) {
    Node add = Match.producer(gate, "Add");
    if (add == null || Match.summand(add) != 1) {
      return null;
    }
    Value inner = Match.scaled(add);
    Node erf = Match.producer(inner, "Erf");
    if (erf != null) {
      Node scale = erf.input(0).producer();
      boolean fits = Match.near(Match.factor(scale), Math.sqrt(0.5)) && Match.scaled(scale) == x;
      return fits ? "none" : null;
    }
    Node tanh = Match.producer(inner, "Tanh");
    return tanh != null && cubic(tanh.input(0).producer(), x) ? "tanh" : null;
  }

  /** sqrt(2 / pi) (x + 0.044715 x^3). */
  private static boolean cubic(Node scale, Value x) {
    if (!Match.near(Match.factor(scale), Math.sqrt(2 / Math.PI))) {
      return false;
    }
    Node add = Match.producer(Match.scaled(scale), "Add");
    if (add == null || add.input(0) != x && add.input(1) != x) {
      return false;
    }
    List<Value> factors = new ArrayList<>();
    double s = collect(Match.other(add, x), factors, 1);
    if (!Match.near(s, 0.044715)) {
      return false;
    }
    if (factors.size() == 1) {
      Node pow = Match.producer(factors.get(0), "Pow");
      return pow != null && pow.input(0) == x && Match.scalar(pow.input(1)) == 3;
    }
    return factors.size() == 3 && factors.stream().allMatch(f -> f == x);
  }
}
