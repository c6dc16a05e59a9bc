package io.github.morseengine.engine.backend;

import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * The fused residual-feedback step: one pass that adds Dot's residual, applies guidance and
 * advances the sample. Every sampler is a table of {@link Factors}; nothing else of it reaches a
 * device. Safe for use by several threads, each on memory of its own.
 *
 * <pre>
 *   e  = z_s + r                                      (r only at a step of Dot)
 *   z  = e_uncond + guidance * (e_cond - e_uncond)    (only with guidance)
 *   z  = z + g * gradient                             (only where g is not 0)
 *   x0 = min(max(p * x + q * z, -limit), limit)
 *   x' = a * x0 + b * x + c * z + d * noise + h0 * H0 + h1 * H1 + h2 * H2
 *   H[slot] = u * x + v * x0 + w * z                  (only where slot is not negative)
 * </pre>
 *
 * <p>The history H is read before it is stored, element by element, so that a step may overwrite
 * what it reads. x is what the model sees: where a sampler scales its model's input
 * (scale_model_input of diffusers), the scale is part of the factors.
 */
public interface SampleUpdate {

  /** Most history buffers of a sampler. */
  int HISTORY = 3;

  /**
   * Factors of one step.
   *
   * @param p factor of x in the estimate of x_0
   * @param q factor of z in the estimate of x_0
   * @param limit the estimate is cut to [-limit, limit]; infinity for no cut
   * @param a factor of the estimate of x_0
   * @param b factor of x
   * @param c factor of z
   * @param d factor of the noise
   * @param g factor of the classifier's gradient in z
   * @param h0 factor of history buffer 0
   * @param h1 factor of history buffer 1
   * @param h2 factor of history buffer 2
   * @param store what to keep for later steps
   */
  record Factors(
      double p,
      double q,
      double limit,
      double a,
      double b,
      double c,
      double d,
      double g,
      double h0,
      double h1,
      double h2,
      Store store) {

    /**
     * A step without gradient and history.
     *
     * @param p factor of x in the estimate of x_0
     * @param q factor of z in the estimate of x_0
     * @param limit the estimate is cut to [-limit, limit]; infinity for no cut
     * @param a factor of the estimate of x_0
     * @param b factor of x
     * @param c factor of z
     * @param d factor of the noise
     * @return the factors
     */
    public static Factors of(
        double p, double q, double limit, double a, double b, double c, double d) {
      return new Factors(p, q, limit, a, b, c, d, 0, 0, 0, 0, Store.NOTHING);
    }

    /**
     * The same with history.
     *
     * @param first factor of history buffer 0
     * @param second factor of history buffer 1
     * @param third factor of history buffer 2
     * @return the factors
     */
    public Factors withHistory(double first, double second, double third) {
      return new Factors(p, q, limit, a, b, c, d, g, first, second, third, store);
    }

    /**
     * The same with something to keep.
     *
     * @param kept what to store
     * @return the factors
     */
    public Factors withStore(Store kept) {
      return new Factors(p, q, limit, a, b, c, d, g, h0, h1, h2, kept);
    }

    /**
     * The same with a gradient.
     *
     * @param factor factor of the gradient in z
     * @return the factors
     */
    public Factors withGradient(double factor) {
      return new Factors(p, q, limit, a, b, c, d, factor, h0, h1, h2, store);
    }

    /**
     * The factor of a history buffer.
     *
     * @param slot 0 to {@link #HISTORY} - 1
     * @return the factor; 0 where the step does not read it
     */
    public double history(int slot) {
      return switch (slot) {
        case 0 -> h0;
        case 1 -> h1;
        default -> h2;
      };
    }

    /** {@return whether the estimate of x_0 has to be computed} */
    public boolean needsStart() {
      return a != 0 || store.slot() >= 0 && store.v() != 0;
    }

    /**
     * {@return the same step without the estimate of x_0 where nothing is cut: fewer operations and
     * less cancellation}
     */
    public Factors collapsed() {
      if (Double.isFinite(limit) || !needsStart()) {
        return this;
      }
      return new Factors(
          0,
          0,
          limit,
          0,
          a == 0 ? b : b + a * p,
          a == 0 ? c : c + a * q,
          d,
          g,
          h0,
          h1,
          h2,
          store.collapsed(p, q));
    }
  }

  /**
   * A linear combination that a step leaves in the history.
   *
   * @param slot history buffer; negative for none
   * @param u factor of x
   * @param v factor of the estimate of x_0
   * @param w factor of z
   */
  record Store(int slot, double u, double v, double w) {

    /** Keeps nothing. */
    public static final Store NOTHING = new Store(-1, 0, 0, 0);

    private Store collapsed(double p, double q) {
      return v == 0 ? this : new Store(slot, u + v * p, 0, w + v * q);
    }
  }

  /**
   * What a step reads and writes: float32, dense. {@code out} may be {@code x}.
   *
   * @param x the sample, as the model sees it
   * @param z Dash's raw estimate at its latest step; with guidance the unconditional half first
   * @param residual Dot's output in the layout of z; null at a step of Dash
   * @param gradient of the classifier, in the layout of x; null where g is 0
   * @param noise fresh noise; null where d is 0
   * @param history the buffers, in the layout of x; those that no step names may be absent
   * @param out the next sample
   */
  record Memory(
      MemorySegment x,
      MemorySegment z,
      MemorySegment residual,
      MemorySegment gradient,
      MemorySegment noise,
      List<MemorySegment> history,
      MemorySegment out) {

    /**
     * Memory of a step without gradient and history.
     *
     * @param x the sample, as the model sees it
     * @param z Dash's raw estimate
     * @param residual Dot's output; null at a step of Dash
     * @param noise fresh noise; null where d is 0
     * @param out the next sample
     * @return the memory
     */
    public static Memory of(
        MemorySegment x,
        MemorySegment z,
        MemorySegment residual,
        MemorySegment noise,
        MemorySegment out) {
      return new Memory(x, z, residual, null, noise, List.of(), out);
    }
  }

  /**
   * Advances the samples.
   *
   * @param f factors
   * @param guidance scale of guidance; NaN where z has no unconditional half
   * @param m memory
   * @param from first element of x
   * @param to end element of x
   */
  void apply(Factors f, double guidance, Memory m, long from, long to);
}
