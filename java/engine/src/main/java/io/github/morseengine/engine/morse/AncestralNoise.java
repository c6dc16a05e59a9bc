package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The noise of ancestral sampling as one path, so that runs of any number of steps can be compared
 * picture by picture. With u = alpha_bar / (1 - alpha_bar), an ancestral step ({@link DdpmSampler})
 * on x / sqrt(alpha_bar) = y is, for a given x_0,
 *
 * <pre>
 *   (y' - x_0) u' = (y - x_0) u + sqrt(u' - u) * noise
 * </pre>
 *
 * <p>which is a step of Brownian motion in u: a long step's noise is the sum of those of the short
 * ones that it spans, and the error of a run that sees this noise is a strong error (Kloeden and
 * Platen 1992, section 9.6). Holds the path at every training timestep: 4 bytes a number of the
 * sample and timestep, freed when this object is no longer used. Immutable.
 */
public final class AncestralNoise {

  private final NoiseSchedule schedule;
  private final long[] sample;
  private final MemorySegment path;
  private final long elements;

  /**
   * Draws a path.
   *
   * @param config the schedule of alpha_bar
   * @param sample [N, C, H, W]
   * @param seed of the path
   */
  public AncestralNoise(SchedulerConfig config, long[] sample, long seed) {
    schedule = new NoiseSchedule(config);
    this.sample = sample.clone();
    int times = schedule.size();
    Tensor held = Tensor.allocate(DType.FLOAT32, times, sample[0], sample[1], sample[2], sample[3]);
    path = held.data();
    elements = held.elements() / times;
    long picture = elements / sample[0];
    for (int t = times - 2; t >= 0; t--) {
      for (int k = 0; k < sample[0]; k++) {
        Noise.fill(path, t * elements + k * picture, picture, seed, k, t);
      }
      float share = (float) Math.sqrt(signal(t) - signal(t + 1));
      for (long i = 0; i < elements; i++) {
        set(t * elements + i, at(t + 1, i) + share * at(t, i));
      }
    }
  }

  private double signal(int t) {
    double bar = schedule.alphaBar(t);
    return bar / (1 - bar);
  }

  private float at(int t, long i) {
    return path.getAtIndex(ValueLayout.JAVA_FLOAT, t * elements + i);
  }

  private void set(long index, float value) {
    path.setAtIndex(ValueLayout.JAVA_FLOAT, index, value);
  }

  /**
   * The path as a run sees it.
   *
   * @param table an ancestral run
   * @return float32 [steps, N, C, H, W] of variance 1; the last step, which adds none, has 0
   * @throws InvalidInputException if a step is between two training timesteps
   */
  public Tensor of(Sampler.Table table) {
    int steps = table.count();
    Tensor out = Tensor.allocate(DType.FLOAT32, steps, sample[0], sample[1], sample[2], sample[3]);
    for (int s = 0; s + 1 < steps; s++) {
      int from = timestep(table, s);
      int to = timestep(table, s + 1);
      double scale = 1 / Math.sqrt(signal(to) - signal(from));
      for (long i = 0; i < elements; i++) {
        float noise = (float) ((at(to, i) - at(from, i)) * scale);
        out.data().setAtIndex(ValueLayout.JAVA_FLOAT, s * elements + i, noise);
      }
    }
    return out;
  }

  private int timestep(Sampler.Table table, int step) {
    double t = table.steps().get(step).timestep();
    if (t != Math.rint(t) || t < 0 || t >= schedule.size()) {
      throw new InvalidInputException(
          "step " + step + " is at timestep " + t + ": ancestral steps are at training timesteps");
    }
    return (int) t;
  }
}
