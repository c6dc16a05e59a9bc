package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.backend.SampleUpdate;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * What a step takes the finished picture for: x_0 from the sample and the guided estimate, the same
 * for all samplers. For previews; no update uses it. For one thread at a time.
 */
final class StartEstimate {

  private final Tensor out;

  /** For samples of this shape, [pictures, C, H, W]. */
  StartEstimate(long... sample) {
    out = Tensor.allocate(DType.FLOAT32, sample);
  }

  /**
   * The estimate of a step, before its update.
   *
   * @param b the batch
   * @param i the step
   * @param m the step's memory
   * @return float32 [pictures, C, H, W], valid until the next call
   */
  Tensor of(Batch b, int i, SampleUpdate.Memory m) {
    SamplerStep step = b.table().steps().get(i);
    Estimate e =
        b.config().flow()
            ? Estimate.ofFlow(b.sigma(step))
            : Estimate.of(b.config().prediction(), b.alphaBar(step));
    long elements = out.elements();
    double guidance = b.request().guidance();
    for (long k = 0; k < elements; k++) {
      double z = estimate(m, k);
      if (b.guided()) {
        z += guidance * (estimate(m, k + elements) - z);
      }
      out.setDouble(k, e.startX() * get(m.x(), k) + e.startZ() * z);
    }
    return out;
  }

  private static double estimate(SampleUpdate.Memory m, long k) {
    return m.residual() == null ? get(m.z(), k) : get(m.z(), k) + get(m.residual(), k);
  }

  private static double get(MemorySegment s, long k) {
    return s.getAtIndex(ValueLayout.JAVA_FLOAT, k);
  }
}
