package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.backend.SampleUpdate.Factors;
import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.error.ModelFormatException;
import java.util.ArrayList;
import java.util.List;

/**
 * Multistep consistency sampling (Luo et al. 2023, arXiv 2310.04378, algorithm 3), as diffusers'
 * LCMScheduler:
 *
 * <pre>
 *   s = timestep_scaling * t,  c_skip = 0.25 / (s^2 + 0.25),  c_out = s / sqrt(s^2 + 0.25)
 *   y = c_out * clip(x_0) + c_skip * x
 *   x' = sqrt(bar') * y + sqrt(1 - bar') * noise,  at the last step x' = y
 * </pre>
 *
 * <p>The times are among the original_inference_steps that the model was distilled at.
 */
final class LcmSampler implements Sampler {

  /** sigma_data^2. */
  private static final double DATA_VARIANCE = 0.25;

  private final SchedulerConfig config;
  private final NoiseSchedule schedule;

  LcmSampler(SchedulerConfig given) {
    config = given.as(SchedulerClass.LCM);
    schedule = new NoiseSchedule(config);
    if (config.whole("original_inference_steps") > config.trainSteps()) {
      throw new ModelFormatException(
          "original_inference_steps is "
              + config.whole("original_inference_steps")
              + ", more than num_train_timesteps, "
              + config.trainSteps());
    }
  }

  @Override
  public String name() {
    return "lcm";
  }

  @Override
  public Table table(int steps) {
    int original = config.whole("original_inference_steps");
    if (steps > original) {
      throw new InvalidInputException(
          steps
              + " steps are more than the "
              + original
              + " that the model was distilled at (original_inference_steps): use fewer");
    }
    int gap = config.trainSteps() / original;
    int[] times = new int[steps];
    for (int i = 0; i < steps; i++) {
      int descending = (int) Math.floor(i * ((double) original / steps));
      times[i] = (original - descending) * gap - 1;
    }
    List<SamplerStep> out = new ArrayList<>();
    for (int i = 0; i < steps; i++) {
      out.add(step(times[i], i + 1 < steps ? times[i + 1] : -1));
    }
    return new Table(1, out);
  }

  private SamplerStep step(int t, int next) {
    Estimate e = Estimate.of(config.prediction(), schedule.alphaBar(t));
    double scaled = t * config.number("timestep_scaling");
    double spread = scaled * scaled + DATA_VARIANCE;
    double barNext = next < 0 ? 1 : schedule.alphaBar(next);
    return SamplerStep.of(
            t,
            e,
            Factors.of(
                e.startX(),
                e.startZ(),
                Samplers.limit(config),
                Math.sqrt(barNext) * scaled / Math.sqrt(spread),
                Math.sqrt(barNext) * DATA_VARIANCE / spread,
                0,
                next < 0 ? 0 : Math.sqrt(1 - barNext)))
        .thresholded(config);
  }
}
