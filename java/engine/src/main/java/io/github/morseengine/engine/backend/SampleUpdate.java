package io.github.morseengine.engine.backend;

import java.lang.foreign.MemorySegment;

/**
 * The fused residual-feedback step: one pass that adds Dot's residual, applies guidance and
 * advances the sample. Safe for use by several threads, each on memory of its own.
 *
 * <pre>
 *   e  = z_s + r                                      (r only at a step of Dot)
 *   z  = e_uncond + guidance * (e_cond - e_uncond)    (only with guidance)
 *   x' = a * clip(p * x + q * z) + b * x + c * z + d * noise
 * </pre>
 */
public interface SampleUpdate {

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
   */
  record Factors(double p, double q, double limit, double a, double b, double c, double d) {

    /** {@return the same step without the estimate of x_0 where nothing is cut} */
    public Factors collapsed() {
      return Double.isInfinite(limit) && a != 0
          ? new Factors(0, 0, limit, 0, b + a * p, c + a * q, d)
          : this;
    }
  }

  /**
   * What a step reads and writes: float32, dense. {@code out} may be {@code x}.
   *
   * @param x the sample
   * @param z Dash's raw estimate at its latest step; with guidance the unconditional half first
   * @param residual Dot's output in the layout of z; null at a step of Dash
   * @param noise fresh noise; null where d is 0
   * @param out the next sample
   */
  record Memory(
      MemorySegment x,
      MemorySegment z,
      MemorySegment residual,
      MemorySegment noise,
      MemorySegment out) {}

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
