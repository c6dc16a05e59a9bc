package io.github.morseengine.engine.morse;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.IntToDoubleFunction;
import java.util.stream.IntStream;

/**
 * Schedules that a budget pays for, to be tried. Dash steps are spread over a run by a density: as
 * many everywhere, or more where the estimate changes fast, which is at the ends for some models
 * and samplers. A run may end with a step of Dash, too: what Dot gets wrong there is seen, and no
 * later step mends it. Immutable.
 */
public final class ScheduleCandidates {

  /** Steps of Dot per step of Dash, on average. */
  private static final double[] RATIOS = {0, 0.5, 1, 1.5, 2, 3, 4, 6, 8};

  /** More steps of Dot than this per step of Dash never pay. */
  private static final int MOST_DOT = 10;

  /** The share of Dot's steps that is kept for a run that suits the sampler better. */
  private static final double LEAST_DOT = 0.7;

  /** Timesteps that a run may stop short without harm. */
  private static final double FAIR_SHORTFALL = 1;

  /**
   * Where the steps of Dash lie.
   *
   * @param first weight at the first step
   * @param middle weight in the middle
   * @param last weight at the last step
   * @param closing whether the last step is one of Dash, wherever the others lie
   */
  public record Density(double first, double middle, double last, boolean closing) {

    /** As many everywhere. */
    public static final Density EVEN = new Density(1, 1, 1);

    /** The others that are worth a try. */
    static final List<Density> OTHERS =
        List.of(
            new Density(3, 1, 1),
            new Density(5, 1, 1),
            new Density(10, 1, 1),
            new Density(20, 1, 1),
            new Density(1, 1, 3),
            new Density(3, 1, 3),
            new Density(1, 3, 1));

    /**
     * Without a step of Dash at the end that is not due.
     *
     * @param first weight at the first step
     * @param middle weight in the middle
     * @param last weight at the last step
     */
    public Density(double first, double middle, double last) {
      this(first, middle, last, false);
    }

    private Density closed() {
      return new Density(first, middle, last, true);
    }

    private double at(double u) {
      return u < 0.5 ? first + (middle - first) * 2 * u : middle + (last - middle) * (2 * u - 1);
    }
  }

  /**
   * A schedule as it is searched for.
   *
   * @param dash steps of Dash
   * @param dot steps of Dot
   * @param density where the steps of Dash lie
   */
  public record Candidate(int dash, int dot, Density density) {

    /** {@return the schedule} */
    public Schedule schedule() {
      return spread(dash, dot, density);
    }
  }

  private final double dotOverDash;
  private final IntToDoubleFunction shortfall;

  /**
   * Candidates for one sampler.
   *
   * @param dotOverDash cost of a step of Dot, in latencies of Dash
   * @param shortfall of a run of so many steps in all ({@link Sampler#shortfall}); where it is
   *     large, Dot is asked a little less often
   */
  public ScheduleCandidates(double dotOverDash, IntToDoubleFunction shortfall) {
    this.dotOverDash = dotOverDash;
    this.shortfall = shortfall;
  }

  /**
   * Even schedules with different shares of Dot.
   *
   * @param budget latencies of Dash, at least 1
   * @return schedules that cost at most the budget, the first without Dot
   */
  public List<Candidate> even(double budget) {
    Set<Candidate> out = new LinkedHashSet<>();
    out.add(new Candidate((int) Math.max(1, Math.floor(budget)), 0, Density.EVEN));
    for (double ratio : RATIOS) {
      int dash = (int) Math.max(1, Math.floor(budget / (1 + ratio * dotOverDash)));
      out.add(filled(dash, Density.EVEN, budget));
    }
    return List.copyOf(out);
  }

  /** As many steps of Dot as there is room for, or a few less where the run then ends nearer. */
  private Candidate filled(int dash, Density density, double budget) {
    int most = (int) Math.max(0, Math.floor((budget - dash) / dotOverDash));
    int all = Math.min(most, MOST_DOT * dash);
    int dot =
        IntStream.iterate(all, n -> n >= LEAST_DOT * all, n -> n - 1)
            .boxed()
            .min(Comparator.comparingDouble(n -> left(dash + n)))
            .orElse(all);
    return new Candidate(dash, dot, density);
  }

  private double left(int steps) {
    return Math.max(FAIR_SHORTFALL, shortfall.applyAsDouble(steps));
  }

  /**
   * Schedules with the steps of one, differently spread.
   *
   * @param c a candidate
   * @return others with as many steps of Dash and of Dot
   */
  public static List<Candidate> respread(Candidate c) {
    return Density.OTHERS.stream().map(d -> new Candidate(c.dash(), c.dot(), d)).toList();
  }

  /**
   * A schedule with the steps of one, the last of them Dash only where the density puts it there.
   *
   * @param c a candidate
   * @return as many steps of Dash and of Dot
   */
  public static Candidate opened(Candidate c) {
    Density d = c.density();
    return new Candidate(c.dash(), c.dot(), new Density(d.first(), d.middle(), d.last()));
  }

  /**
   * A schedule with the steps of one, the last of them Dash.
   *
   * @param c a candidate
   * @return as many steps of Dash and of Dot; with one step of Dash in all, it is the first
   */
  public static Candidate closed(Candidate c) {
    return new Candidate(c.dash(), c.dot(), c.density().closed());
  }

  /**
   * Schedules that are spread as one, but with some steps of Dash fewer, or more.
   *
   * @param c a candidate
   * @param budget latencies of Dash
   * @param most steps fewer, and more
   * @return those that cost at most the budget
   */
  public List<Candidate> beside(Candidate c, double budget, int most) {
    return IntStream.rangeClosed(c.dash() - most, c.dash() + most)
        .filter(dash -> dash >= 1 && dash <= budget && dash != c.dash())
        .mapToObj(dash -> filled(dash, c.density(), budget))
        .toList();
  }

  /**
   * A schedule of the shape of one that another budget pays for.
   *
   * @param c a candidate
   * @param budget latencies of Dash, at least 1
   * @return one with as many steps of Dot per step of Dash, spread alike
   */
  public Candidate scaled(Candidate c, double budget) {
    double each = 1 + dotOverDash * c.dot() / c.dash();
    int dash = (int) Math.max(1, Math.floor(budget / each + 1e-9));
    return filled(dash, c.density(), budget);
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
    boolean closing = density.closing() && dash > 1;
    List<StepKind> kinds = open(closing ? dash - 1 : dash, dot, density);
    if (closing) {
      kinds.add(StepKind.DASH);
    }
    return new Schedule(kinds);
  }

  private static List<StepKind> open(int dash, int dot, Density density) {
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
    return kinds;
  }
}
