package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.backend.SampleUpdate.Factors;
import io.github.morseengine.engine.backend.SampleUpdate.Memory;
import io.github.morseengine.engine.backend.SampleUpdate.Store;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * What of a step depends on the sample: a pass of reductions before the fused update, which turns
 * the table's factors into those of one picture. Three methods need it:
 *
 * <ul>
 *   <li>guidance rescale: z = phi * z with phi = r * std(e_cond) / std(z) + 1 - r, std over the
 *       picture (Lin et al. 2023, arXiv 2305.08891, equations 15 and 16),
 *   <li>dynamic thresholding: x_0 is cut to [-s, s] and divided by s, where s is a quantile of
 *       |x_0| over the picture, at least 1 (Saharia et al. 2022, arXiv 2205.11487, section 2.3),
 *   <li>a Langevin step: x' = x + size * score + sqrt(2 * size) * noise with size = 2 * (corrector
 *       * |noise| / |score|)^2 (Song et al. 2021, arXiv 2011.13456, algorithm 5), norms over the
 *       picture rather than their means over the batch, so that a batch changes nothing. The table
 *       has the score's factors as b and c, and d = 1.
 * </ul>
 *
 * <p>All other steps have the same factors for all pictures. Stateless.
 */
final class Adaptation {

  private Adaptation() {}

  /** Whether the factors of a step depend on the sample. */
  static boolean needed(SamplerStep step, double rescale) {
    return rescale > 0 || step.corrector() > 0 || step.thresholding();
  }

  /**
   * Factors for one picture.
   *
   * @param step the step
   * @param f its factors, with the gradient's factor
   * @param config ratio and largest s of dynamic thresholding
   * @param guidance scale, or NaN
   * @param rescale share of guidance rescale, 0 for none
   * @param m memory of the step
   * @param from first element of the picture
   * @param to end element of the picture
   */
  static Factors factors(
      SamplerStep step,
      Factors f,
      SchedulerConfig config,
      double guidance,
      double rescale,
      Memory m,
      long from,
      long to) {
    Factors out = f;
    if (rescale > 0 && !Double.isNaN(guidance)) {
      out = rescaled(out, phi(guidance, rescale, m, from, to));
    }
    if (step.corrector() > 0) {
      return langevin(step.corrector(), out, guidance, m, from, to);
    }
    return step.thresholding() ? thresholded(out, config, guidance, m, from, to) : out;
  }

  private static Factors rescaled(Factors f, double phi) {
    Store s = f.store();
    return new Factors(
        f.p(),
        f.q() * phi,
        f.limit(),
        f.a(),
        f.b(),
        f.c() * phi,
        f.d(),
        f.g() / phi,
        f.h0(),
        f.h1(),
        f.h2(),
        new Store(s.slot(), s.u(), s.v(), s.w() * phi));
  }

  private static double phi(double guidance, double rescale, Memory m, long from, long to) {
    long half = m.x().byteSize() / 4;
    double[] conditional = new double[2];
    double[] guided = new double[2];
    for (long i = from; i < to; i++) {
      double with = estimate(m, i + half);
      add(conditional, with);
      double without = estimate(m, i);
      add(guided, without + guidance * (with - without));
    }
    long n = to - from;
    double spread = deviation(guided, n);
    return spread == 0 ? 1 : rescale * deviation(conditional, n) / spread + 1 - rescale;
  }

  private static void add(double[] sums, double v) {
    sums[0] += v;
    sums[1] += v * v;
  }

  private static double deviation(double[] sums, long n) {
    double mean = sums[0] / n;
    return Math.sqrt(Math.max(0, sums[1] / n - mean * mean));
  }

  private static Factors langevin(
      double corrector, Factors f, double guidance, Memory m, long from, long to) {
    double score = 0;
    double noise = 0;
    for (long i = from; i < to; i++) {
      double s = f.b() * get(m.x(), i) + f.c() * z(f, guidance, m, i);
      double e = get(m.noise(), i);
      score += s * s;
      noise += e * e;
    }
    double size = score == 0 ? 0 : 2 * corrector * corrector * noise / score;
    return Factors.of(0, 0, f.limit(), 0, 1 + size * f.b(), size * f.c(), Math.sqrt(2 * size))
        .withGradient(f.g());
  }

  private static Factors thresholded(
      Factors f, SchedulerConfig config, double guidance, Memory m, long from, long to) {
    float[] size = new float[Math.toIntExact(to - from)];
    for (int i = 0; i < size.length; i++) {
      double z = z(f, guidance, m, from + i);
      size[i] = (float) Math.abs(f.p() * get(m.x(), from + i) + f.q() * z);
    }
    double s = Math.max(1, quantile(size, config.number("dynamic_thresholding_ratio")));
    s = Math.min(s, config.number("sample_max_value"));
    Store kept = f.store();
    return new Factors(
        f.p(),
        f.q(),
        s,
        f.a() / s,
        f.b(),
        f.c(),
        f.d(),
        f.g(),
        f.h0(),
        f.h1(),
        f.h2(),
        new Store(kept.slot(), kept.u(), kept.v() / s, kept.w()));
  }

  /** As torch.quantile: linear between neighbours. */
  private static double quantile(float[] values, double ratio) {
    Arrays.sort(values);
    double at = ratio * (values.length - 1);
    int low = (int) Math.floor(at);
    int high = Math.min(low + 1, values.length - 1);
    return values[low] + (at - low) * (values[high] - values[low]);
  }

  /** The estimate that the update uses. */
  private static double z(Factors f, double guidance, Memory m, long i) {
    double z = estimate(m, i);
    if (!Double.isNaN(guidance)) {
      z += guidance * (estimate(m, i + m.x().byteSize() / 4) - z);
    }
    return f.g() == 0 ? z : z + f.g() * get(m.gradient(), i);
  }

  private static double estimate(Memory m, long i) {
    return m.residual() == null ? get(m.z(), i) : get(m.z(), i) + get(m.residual(), i);
  }

  private static double get(MemorySegment s, long i) {
    return s.getAtIndex(ValueLayout.JAVA_FLOAT, i);
  }
}
