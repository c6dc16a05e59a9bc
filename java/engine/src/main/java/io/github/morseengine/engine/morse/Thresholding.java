package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.backend.SampleUpdate.Factors;
import io.github.morseengine.engine.backend.SampleUpdate.Memory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/** Dynamic thresholding (Saharia et al. 2022, section 2.3), as diffusers does it. */
final class Thresholding {

  private Thresholding() {}

  /**
   * Factors for one picture: its estimate of x_0 is cut to its own quantile s, then divided by s.
   *
   * @param config ratio and largest s
   * @param f the sampler's factors
   * @param guidance scale, or NaN
   * @param m memory of the step
   * @param from first element of the picture
   * @param to end element of the picture
   */
  static Factors factors(
      SchedulerConfig config, Factors f, double guidance, Memory m, long from, long to) {
    float[] size = new float[Math.toIntExact(to - from)];
    long half = m.x().byteSize() / 4;
    for (int i = 0; i < size.length; i++) {
      double z = estimate(m, from + i);
      if (!Double.isNaN(guidance)) {
        z += guidance * (estimate(m, from + i + half) - z);
      }
      size[i] = (float) Math.abs(f.p() * get(m.x(), from + i) + f.q() * z);
    }
    double s =
        Math.clamp(quantile(size, config.thresholdRatio()), 1, Math.max(1, config.sampleMax()));
    return new Factors(f.p(), f.q(), s, f.a() / s, f.b(), f.c(), f.d());
  }

  /** As torch.quantile: linear between neighbours. */
  private static double quantile(float[] values, double ratio) {
    Arrays.sort(values);
    double at = ratio * (values.length - 1);
    int low = (int) Math.floor(at);
    int high = Math.min(low + 1, values.length - 1);
    return values[low] + (at - low) * (values[high] - values[low]);
  }

  private static double estimate(Memory m, long i) {
    return m.residual() == null ? get(m.z(), i) : get(m.z(), i) + get(m.residual(), i);
  }

  private static double get(MemorySegment s, long i) {
    return s.getAtIndex(ValueLayout.JAVA_FLOAT, i);
  }
}
