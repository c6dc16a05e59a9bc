package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.backend.SampleUpdate.Factors;
import io.github.morseengine.engine.error.InvalidInputException;
import java.util.ArrayList;
import java.util.List;

/**
 * Euler's method along the straight paths of flow matching (Lipman et al. 2022, arXiv 2210.02747;
 * rectified flow as Esser et al. 2024, arXiv 2403.03206, train it), as diffusers'
 * FlowMatchEulerDiscreteScheduler:
 *
 * <pre>
 *   x = (1 - sigma) x_0 + sigma * noise, and the model estimates v = noise - x_0 at time T sigma
 *   x' = x + (sigma' - sigma) v
 *   sigma = s u / (1 + (s - 1) u) with the shift s, equal steps in u from the shifted 1 to 1 / T
 * </pre>
 *
 * <p>The ends of u are shifted once before and all of u once more, as diffusers does it.
 */
final class FlowSampler implements Sampler {

  private final int train;
  private final double shift;

  FlowSampler(SchedulerConfig given) {
    SchedulerConfig config = given.as(SchedulerClass.FLOW_EULER);
    train = config.trainSteps();
    shift = config.number("shift");
  }

  @Override
  public String name() {
    return "euler";
  }

  @Override
  public Table table(int steps) {
    if (steps > train) {
      throw new InvalidInputException(
          steps + " steps are more than the " + train + " timesteps of the model: use fewer");
    }
    float[] sigmas = sigmas(steps);
    List<SamplerStep> out = new ArrayList<>();
    for (int i = 0; i < steps; i++) {
      double sigma = sigmas[i];
      double move = i + 1 < steps ? sigmas[i + 1] - sigma : -sigma;
      Estimate e = Estimate.ofFlow(sigma);
      Factors f = Factors.of(e.startX(), e.startZ(), Double.POSITIVE_INFINITY, 0, 1, move, 0);
      out.add(SamplerStep.of(sigmas[i] * (float) train, e, f));
    }
    return new Table(1, out);
  }

  /** Descending; float32 where diffusers has it, since its products decide the model's times. */
  private float[] sigmas(int steps) {
    double most = shifted32(1);
    double least = shifted32((float) (1.0 / train));
    float[] out = new float[steps];
    for (int i = 0; i < steps; i++) {
      double u = steps == 1 ? most : most + i * ((least - most) / (steps - 1));
      out[i] = (float) (shift * u / (1 + (shift - 1) * u));
    }
    return out;
  }

  private float shifted32(float u) {
    return (float) shift * u / (1 + (float) (shift - 1) * u);
  }
}
