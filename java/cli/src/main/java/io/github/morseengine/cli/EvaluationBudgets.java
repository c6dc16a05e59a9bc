package io.github.morseengine.cli;

import java.util.ArrayList;
import java.util.List;

/** Costs to compare at, in latencies of Dash. */
final class EvaluationBudgets {

  private static final double MOST = 10_000;

  /** Up to this ratio a line between two budgets is close to the curve. */
  private static final double FAR = 1.6;

  private EvaluationBudgets() {}

  static List<Double> parse(String text) {
    List<Double> out = new ArrayList<>();
    for (String part : text.split(",")) {
      out.add(Double.valueOf(part));
    }
    return out;
  }

  /**
   * Where Morse is measured too: curves of quality sag between points far apart, and at which cost
   * Morse reaches a quality is read off such a line.
   *
   * @param budgets ascending
   * @return the geometric means of neighbours that are more than {@link #FAR} apart
   */
  static List<Double> between(List<Double> budgets) {
    List<Double> out = new ArrayList<>();
    for (int i = 1; i < budgets.size(); i++) {
      if (budgets.get(i) > FAR * budgets.get(i - 1)) {
        out.add(Math.sqrt(budgets.get(i) * budgets.get(i - 1)));
      }
    }
    return out;
  }

  /** Refuses budgets that pay for no step of Dash, or that do not ascend. */
  static void check(EngineOptions options, List<Double> budgets) {
    double before = 0;
    for (double b : budgets) {
      if (!(b >= 1 && b <= MOST)) {
        throw options.usage(
            "--budgets: "
                + b
                + " is not 1 to "
                + (int) MOST
                + ": a run costs at least one step of Dash");
      }
      if (b <= before) {
        throw options.usage("--budgets must ascend, got " + budgets);
      }
      before = b;
    }
  }
}
