package io.github.morseengine.cli;

import java.util.ArrayList;
import java.util.List;

/** Costs to compare at, in latencies of Dash. */
final class EvaluationBudgets {

  private static final double MOST = 10_000;

  private EvaluationBudgets() {}

  static List<Double> parse(String text) {
    List<Double> out = new ArrayList<>();
    for (String part : text.split(",")) {
      out.add(Double.valueOf(part));
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
