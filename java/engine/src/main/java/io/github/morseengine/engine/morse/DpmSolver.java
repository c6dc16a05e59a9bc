package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.backend.SampleUpdate.Factors;
import io.github.morseengine.engine.backend.SampleUpdate.Store;
import io.github.morseengine.engine.error.InvalidInputException;
import java.util.ArrayList;
import java.util.List;

/**
 * DPM-Solver and DPM-Solver++, multistep, order 1 to 3 (Lu et al. 2022, arXiv 2206.00927 and
 * 2211.01095, algorithm 2 and appendix B; the stochastic kind from k-diffusion). Between levels s
 * and t, with lambda = log(alpha / sigma), h = lambda_t - lambda_s and the latest model values m0,
 * m1, m2 at lambda_s, lambda_s - r0 * h, lambda_s - (r0 + r1) * h:
 *
 * <pre>
 *   D0 = m0,  d0 = (m0 - m1) / r0,  d1 = (m1 - m2) / r1
 *   D1 = d0                                 (order 2)
 *   D1 = d0 + r0 / (r0 + r1) * (d0 - d1)    (order 3)
 *   D2 = (d0 - d1) / (r0 + r1)              (order 3)
 *   x' = A * x + c0 * D0 + c1 * D1 + c2 * D2 + N * noise
 *
 *   dpmsolver++ (m estimates x_0), E = exp(-h) - 1:
 *     A = sigma_t / sigma_s,  c0 = -alpha_t * E,  c1 = -alpha_t * E / 2 (midpoint, order 2),
 *     c1 = alpha_t * (E / h + 1) (heun, order 3),  c2 = -alpha_t * ((E + h) / h^2 - 1/2)
 *   sde-dpmsolver++, E = exp(-2h) - 1:
 *     A = sigma_t / sigma_s * exp(-h),  c0 = -alpha_t * E,  c1 = -alpha_t * E / 2,
 *     c1 = alpha_t * (E / 2h + 1),  c2 = -alpha_t * ((E + 2h) / 4h^2 + 1/2),
 *     N = sigma_t * sqrt(-E)
 *   dpmsolver (m estimates epsilon), G = exp(h) - 1:
 *     A = alpha_t / alpha_s,  c0 = -sigma_t * G,  c1 = -sigma_t * G / 2,
 *     c1 = -sigma_t * (G / h - 1),  c2 = -sigma_t * ((G - h) / h^2 - 1/2)
 *   sde-dpmsolver (order 1 and 2): A as above, c0 and c1 doubled, N = sigma_t * sqrt(exp(2h) - 1)
 * </pre>
 *
 * <p>Where no noise is wanted, a step of the SDE is one of the ODE's solver of the same order, with
 * the same history.
 *
 * <p>m1 and m2 lie in the history: those of even steps in buffer 0, of odd steps in buffer 1.
 */
final class DpmSolver {

  /** Runs shorter than this end with lower orders, where lower_order_final says so. */
  private static final int SHORT = 15;

  private final String algorithm;
  private final boolean data;
  private final boolean stochastic;
  private final boolean heun;
  private final int order;
  private final boolean lowerFinal;
  private final boolean firstFinal;
  private final boolean thresholding;
  private final Prediction prediction;

  DpmSolver(SchedulerConfig config, int order, boolean stochastic) {
    String given = config.word("algorithm_type");
    String type = given.equals("deis") ? "dpmsolver++" : given;
    algorithm = stochastic && !type.startsWith("sde-") ? "sde-" + type : type;
    data = algorithm.endsWith("++");
    this.stochastic = algorithm.startsWith("sde-");
    heun = config.word("solver_type").equals("heun");
    this.order = order;
    boolean zero = config.word("final_sigmas_type").equals("zero");
    lowerFinal = config.flag("lower_order_final");
    firstFinal = config.flag("euler_at_final") || zero;
    thresholding = config.flag("thresholding");
    prediction = config.prediction();
    if (!data && this.stochastic && order == 3) {
      throw new InvalidInputException(
          "algorithm_type sde-dpmsolver has orders 1 and 2: set solver_order to 2, or use"
              + " sde-dpmsolver++");
    }
  }

  /** Whether x_0 is what the solver extrapolates. */
  boolean estimatesStart() {
    return data;
  }

  String algorithm() {
    return algorithm;
  }

  /**
   * The steps of a run.
   *
   * @param times what the model is told, one per step
   * @param levels the level of each step and that of the end
   * @param skip steps to leave out at the beginning: the first that is left has no history
   */
  List<SamplerStep> steps(double[] times, List<Level> levels, int skip) {
    int n = times.length;
    List<SamplerStep> out = new ArrayList<>();
    for (int i = skip; i < n; i++) {
      int used = order(i - skip, i, n);
      Estimate e = levels.get(i).estimate(prediction);
      boolean keeps = order > 1 && i + 1 < n;
      Factors f = factors(levels, i, used, stochastic, keeps);
      Factors still = stochastic ? factors(levels, i, used, false, keeps) : f;
      out.add(new SamplerStep(times[i], 1, e.guide(), f, still, thresholding, 0));
    }
    return out;
  }

  private Factors factors(List<Level> levels, int i, int used, boolean drawing, boolean keeps) {
    Estimate e = levels.get(i).estimate(prediction);
    double[] k = coefficients(levels, i, used, drawing);
    double even = i % 2 == 0 ? k[3] : k[2];
    double odd = i % 2 == 0 ? k[2] : k[3];
    Factors f = newest(levels.get(i), e, k).withHistory(even, odd, 0);
    return keeps ? f.withStore(kept(levels.get(i), e, i % 2)) : f;
  }

  /** Order of step i of n, of which some have run before. */
  private int order(int before, int i, int n) {
    boolean brief = lowerFinal && n < SHORT;
    if (before < 1 || i == n - 1 && (firstFinal || brief)) {
      return 1;
    }
    return Math.min(order, before < 2 || i == n - 2 && brief ? 2 : 3);
  }

  /** A, and the factors of m0, m1 and m2, and N. */
  private double[] coefficients(List<Level> levels, int i, int used, boolean drawing) {
    Level s = levels.get(i);
    Level t = levels.get(i + 1);
    double h = t.lambda() - s.lambda();
    double[] c = series(s, t, h, used, drawing);
    double m0 = c[1];
    double m1 = 0;
    double m2 = 0;
    if (used > 1) {
      double r0 = (s.lambda() - levels.get(i - 1).lambda()) / h;
      double d0 = c[2];
      if (used > 2) {
        double r1 = (levels.get(i - 1).lambda() - levels.get(i - 2).lambda()) / h;
        double d1 = -(c[2] * r0 + c[3]) / (r0 + r1);
        d0 -= d1;
        m1 += d1 / r1;
        m2 = -d1 / r1;
      }
      m0 += d0 / r0;
      m1 -= d0 / r0;
    }
    return new double[] {c[0], m0, m1, m2, c[4]};
  }

  /** A, c0, c1, c2 and N. */
  private double[] series(Level s, Level t, double h, int used, boolean drawing) {
    boolean second = heun || used > 2;
    if (data && !drawing) {
      double e = Math.expm1(-h);
      return new double[] {
        t.sigma() / s.sigma(),
        -t.alpha() * e,
        t.alpha() * (second ? e / h + 1 : -e / 2),
        -t.alpha() * ((e + h) / (h * h) - 0.5),
        0
      };
    }
    if (data) {
      double e = Math.expm1(-2 * h);
      return new double[] {
        t.sigma() / s.sigma() * Math.exp(-h),
        -t.alpha() * e,
        t.alpha() * (second ? e / (2 * h) + 1 : -e / 2),
        -t.alpha() * ((e + 2 * h) / (4 * h * h) + 0.5),
        t.sigma() * Math.sqrt(-e)
      };
    }
    double g = Math.expm1(h);
    double factor = drawing ? -2 * t.sigma() : -t.sigma();
    return new double[] {
      t.alpha() / s.alpha(),
      factor * g,
      factor * (second ? g / h - 1 : g / 2),
      factor * ((g - h) / (h * h) - 0.5),
      drawing ? t.sigma() * Math.sqrt(Math.expm1(2 * h)) : 0
    };
  }

  /** The update with what the newest estimate adds; k as {@link #coefficients} gives it. */
  private Factors newest(Level s, Estimate e, double[] k) {
    double infinity = Double.POSITIVE_INFINITY;
    double p = e.startX();
    double q = e.startZ();
    if (data) {
      return Factors.of(p, q, infinity, k[1], k[0], 0, k[4]);
    }
    if (thresholding) {
      // epsilon follows from the cut x_0.
      double a = -k[1] * s.alpha() / s.sigma();
      return Factors.of(p, q, infinity, a, k[0] + k[1] / s.sigma(), 0, k[4]);
    }
    return Factors.of(p, q, infinity, 0, k[0] + k[1] * e.noiseX(), k[1] * e.noiseZ(), k[4]);
  }

  private Store kept(Level s, Estimate e, int slot) {
    if (data) {
      return new Store(slot, 0, 1, 0);
    }
    return thresholding
        ? new Store(slot, 1 / s.sigma(), -s.alpha() / s.sigma(), 0)
        : new Store(slot, e.noiseX(), 0, e.noiseZ());
  }
}
