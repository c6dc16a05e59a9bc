package io.github.morseengine.cli;

import io.github.morseengine.engine.morse.evaluate.QualityCurve;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The speedup at equal quality of one setting under one metric. For each budget: what Dash alone
 * must spend to be as good as it is at that budget, over what Morse must spend for it, both read
 * from curves through the measured points; intervals hold 95 % of the bootstrap's repetitions,
 * which draw the same pictures at every point.
 *
 * @param budgets latencies of Dash
 * @param speedup one per budget
 * @param low lower ends
 * @param high upper ends
 * @param mean over the budgets
 * @param meanLow its lower end
 * @param meanHigh its upper end
 * @param reached whether Morse was measured up to that quality; if not, the speedup is extrapolated
 */
record Speedups(
    List<Double> budgets,
    double[] speedup,
    double[] low,
    double[] high,
    double mean,
    double meanLow,
    double meanHigh,
    boolean[] reached) {

  private static final double TAIL = 0.025;

  /** Costs and qualities of the points of a setting, Dash alone and Morse. */
  record Curves(
      double[] dashCost, double[][] dashQuality, double[] morseCost, double[][] morseQuality) {

    private QualityCurve dash(int repetition) {
      return curve(dashCost, dashQuality, repetition);
    }

    private QualityCurve morse(int repetition) {
      return curve(morseCost, morseQuality, repetition);
    }

    private static QualityCurve curve(double[] cost, double[][] quality, int repetition) {
      List<QualityCurve.Point> points = new ArrayList<>();
      for (int i = 0; i < cost.length; i++) {
        points.add(new QualityCurve.Point(cost[i], quality[i][repetition]));
      }
      return new QualityCurve(points);
    }
  }

  /**
   * Qualities are per point; repetition 0 is the measurement itself, the others the bootstrap's.
   */
  static Speedups of(List<Double> budgets, Curves curves) {
    int repetitions = curves.dashQuality()[0].length;
    int n = budgets.size();
    double[][] all = new double[n][repetitions];
    double[] means = new double[repetitions];
    boolean[] reached = new boolean[n];
    for (int r = 0; r < repetitions; r++) {
      QualityCurve dash = curves.dash(r);
      QualityCurve morse = curves.morse(r);
      for (int i = 0; i < n; i++) {
        all[i][r] = dash.speedup(morse, budgets.get(i));
        means[r] += all[i][r] / n;
        if (r == 0) {
          reached[i] = morse.reaches(dash.quality(budgets.get(i)));
        }
      }
    }
    double[] low = new double[n];
    double[] high = new double[n];
    double[] value = new double[n];
    for (int i = 0; i < n; i++) {
      value[i] = all[i][0];
      low[i] = tail(all[i], TAIL);
      high[i] = tail(all[i], 1 - TAIL);
    }
    return new Speedups(
        budgets, value, low, high, means[0], tail(means, TAIL), tail(means, 1 - TAIL), reached);
  }

  /** A quantile of the repetitions. */
  static double tail(double[] values, double share) {
    double[] sorted = Arrays.copyOfRange(values, Math.min(1, values.length - 1), values.length);
    Arrays.sort(sorted);
    double at = share * (sorted.length - 1);
    int i = (int) Math.floor(at);
    int j = Math.min(i + 1, sorted.length - 1);
    return sorted[i] + (at - i) * (sorted[j] - sorted[i]);
  }

  /** Keys of a report, each behind a prefix. */
  Map<String, Object> keys(String suffix) {
    Map<String, Object> out = new LinkedHashMap<>();
    List<Object> values = new ArrayList<>();
    List<Object> intervals = new ArrayList<>();
    List<Object> inside = new ArrayList<>();
    for (int i = 0; i < speedup.length; i++) {
      values.add(speedup[i]);
      intervals.add(List.of(low[i], high[i]));
      inside.add(reached[i]);
    }
    out.put("speedup" + suffix, values);
    out.put("speedup" + suffix + "_interval", intervals);
    out.put("speedup" + suffix + "_mean", mean);
    out.put("speedup" + suffix + "_mean_interval", List.of(meanLow, meanHigh));
    out.put("reached" + suffix, inside);
    return out;
  }
}
