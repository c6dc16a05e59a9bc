package io.github.morseengine.engine.morse;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Schedules that a budget pays for, to be tried. Dash steps are spread over a run by a density: as
 * many everywhere, or more where the estimate changes fast, which is at the ends for some models
 * and samplers. Stateless.
 */
public final class ScheduleCandidates {

  /** Steps of Dot per step of Dash, on average. */
  private static final double[] RATIOS = {0, 0.5, 1, 1.5, 2, 3, 4, 6, 8};

  /**
   * Where the steps of Dash lie.
   *
   * @param first weight at the first step
   * @param middle weight in the middle
   * @param last weight at the last step
   */
  public record Density(double first, double middle, double last) {

    /** As many everywhere. */
    public static final Density EVEN = new Density(1, 1, 1);

    /** The others that are worth a try. */
    static final List<Density> OTHERS =
        List.of(
            new Density(3, 1, 1), new Density(1, 1, 3), new Density(3, 1, 3), new Density(1, 3, 1));

    private double at(double u) {
      return u < 0.5 ? first + (middle - first) * 2 * u : middle + (last - middle) * (2 * u - 1);
    }
  }

  private ScheduleCandidates() {}

  /**
   * Even schedules with different shares of Dot.
   *
   * @param budget latencies of Dash, at least 1
   * @param dotOverDash cost of a step of Dot
   * @return schedules that cost at most the budget, the first without Dot
   */
  public static List<Schedule> even(double budget, double dotOverDash) {
    Map<String, Schedule> out = new LinkedHashMap<>();
    for (double ratio : RATIOS) {
      int dash = (int) Math.max(1, Math.floor(budget / (1 + ratio * dotOverDash)));
      int dot = ratio == 0 ? 0 : (int) Math.floor((budget - dash) / dotOverDash);
      Schedule s = spread(dash, Math.min(dot, (int) Math.ceil(10 * dash)), Density.EVEN);
      out.put(s.toString(), s);
    }
    return List.copyOf(out.values());
  }

  /**
   * Schedules with the steps of one, differently spread.
   *
   * @param s a schedule
   * @return others with as many steps of Dash and of Dot
   */
  public static Collection<Schedule> respread(Schedule s) {
    Map<String, Schedule> out = new LinkedHashMap<>();
    for (Density d : Density.OTHERS) {
      Schedule other = spread(s.dash(), s.dot(), d);
      out.put(other.toString(), other);
    }
    out.remove(s.toString());
    return out.values();
  }

  /**
   * Spreads steps over a run.
   *
   * @param dash steps of Dash, at least 1
   * @param dot steps of Dot
   * @param density where the steps of Dash lie
   * @return the schedule; the first step is Dash
   */
  public static Schedule spread(int dash, int dot, Density density) {
    int n = dash + dot;
    double[] upTo = new double[n + 1];
    for (int i = 0; i < n; i++) {
      upTo[i + 1] = upTo[i] + density.at((i + 0.5) / n);
    }
    List<StepKind> kinds = new ArrayList<>();
    int placed = 0;
    for (int i = 0; i < n; i++) {
      // The k-th step of Dash lies where k / dash of the density has been passed; none may be left.
      boolean due = upTo[i] / upTo[n] * dash >= placed - 1e-9;
      boolean must = n - i <= dash - placed;
      boolean isDash = placed < dash && (due || must);
      kinds.add(isDash ? StepKind.DASH : StepKind.DOT);
      placed += isDash ? 1 : 0;
    }
    return new Schedule(kinds);
  }
}
