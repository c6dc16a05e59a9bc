package io.github.morseengine.engine.morse.evaluate;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Quality against cost; less is better in both. What was measured is made monotone first (the least
 * squares fit by pooling adjacent violators, Ayer et al. 1955, on logarithms), so that noise cannot
 * make a dearer run look worse; between points it is linear in the logarithms. Where a curve is
 * said to be the faster one, its cost is read more strictly: no dearer run may have been worse.
 * Immutable.
 */
public final class QualityCurve {

  /** Beyond the last point a curve is continued at least this steeply. */
  private static final double LEAST_SLOPE = 0.1;

  /**
   * A measured run.
   *
   * @param cost positive
   * @param quality positive; less is better
   */
  public record Point(double cost, double quality) {}

  private final double[] cost;
  private final double[] quality;

  /** The worst of each point and all dearer ones. */
  private final double[] worst;

  /**
   * Fits a curve.
   *
   * @param points at least one, in any order
   */
  public QualityCurve(List<Point> points) {
    List<Point> sorted = new ArrayList<>(points);
    sorted.sort(Comparator.comparingDouble(Point::cost));
    int n = sorted.size();
    cost = new double[n];
    double[] y = new double[n];
    for (int i = 0; i < n; i++) {
      cost[i] = Math.log(sorted.get(i).cost());
      y[i] = Math.log(Math.max(sorted.get(i).quality(), Double.MIN_NORMAL));
    }
    quality = descending(y);
    worst = y.clone();
    for (int i = n - 2; i >= 0; i--) {
      worst[i] = Math.max(worst[i], worst[i + 1]);
    }
  }

  private static double[] descending(double[] y) {
    List<double[]> pools = new ArrayList<>();
    for (double v : y) {
      double[] pool = {v, 1};
      while (!pools.isEmpty() && pools.getLast()[0] < pool[0]) {
        double[] last = pools.removeLast();
        double weight = last[1] + pool[1];
        pool = new double[] {(last[0] * last[1] + pool[0] * pool[1]) / weight, weight};
      }
      pools.add(pool);
    }
    double[] out = new double[y.length];
    int at = 0;
    for (double[] pool : pools) {
      for (int i = 0; i < pool[1]; i++) {
        out[at++] = pool[0];
      }
    }
    return out;
  }

  /**
   * The quality that a cost buys.
   *
   * @param given positive
   * @return the quality; that of the nearest point outside what was measured
   */
  public double quality(double given) {
    double x = Math.log(given);
    int n = cost.length;
    if (x <= cost[0]) {
      return Math.exp(quality[0]);
    }
    for (int i = 1; i < n; i++) {
      if (x <= cost[i]) {
        double w = (x - cost[i - 1]) / (cost[i] - cost[i - 1]);
        return Math.exp(quality[i - 1] + w * (quality[i] - quality[i - 1]));
      }
    }
    return Math.exp(quality[n - 1]);
  }

  /**
   * The least cost at which a quality is reached.
   *
   * @param wanted positive
   * @return the cost; that of the cheapest point where that one is good enough, and an
   *     extrapolation where the dearest is not (see {@link #reaches})
   */
  public double cost(double wanted) {
    return cost(quality, wanted);
  }

  private double cost(double[] quality, double wanted) {
    double y = Math.log(wanted);
    int n = cost.length;
    double tolerance = 1e-9;
    if (quality[0] <= y + tolerance) {
      return Math.exp(cost[0]);
    }
    for (int i = 1; i < n; i++) {
      if (quality[i] <= y + tolerance) {
        double fall = quality[i - 1] - quality[i];
        double w = fall == 0 ? 1 : Math.clamp((quality[i - 1] - y) / fall, 0.0, 1.0);
        return Math.exp(cost[i - 1] + w * (cost[i] - cost[i - 1]));
      }
    }
    double slope = n < 2 ? 0 : (quality[0] - quality[n - 1]) / (cost[n - 1] - cost[0]);
    return Math.exp(cost[n - 1] + (quality[n - 1] - y) / Math.max(slope, LEAST_SLOPE));
  }

  /**
   * Whether a quality lies within what was measured.
   *
   * @param wanted positive
   * @return false where {@link #cost} would extrapolate
   */
  public boolean reaches(double wanted) {
    return quality[quality.length - 1] <= Math.log(wanted) + 1e-9;
  }

  /**
   * The speedup at equal quality: what this curve must spend to be as good as at a budget, over
   * what a faster one must spend so that neither there nor beyond a run of it was worse.
   *
   * @param faster the other curve
   * @param budget a cost
   * @return the ratio; above 1 where the other is faster
   */
  public double speedup(QualityCurve faster, double budget) {
    double wanted = quality(budget);
    return cost(wanted) / faster.cost(faster.worst, wanted);
  }
}
