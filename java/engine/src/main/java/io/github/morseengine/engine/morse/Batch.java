package io.github.morseengine.engine.morse;

import java.util.Arrays;

/**
 * What one batch of a request is made of.
 *
 * @param request the request
 * @param config the scheduler's configuration
 * @param noises alpha_bar by time; null where the request starts from noise alone and nobody wants
 *     estimates
 * @param table the sampler's steps
 * @param first index of its first picture within the request
 * @param size its pictures
 * @param labels labels that the request's pictures take in turn, at least one
 * @param nullLabel the label of the unconditional half
 * @param origin what the null label comes after, for messages
 */
record Batch(
    GenerateRequest request,
    SchedulerConfig config,
    NoiseSchedule noises,
    Sampler.Table table,
    int first,
    int size,
    int[] labels,
    int nullLabel,
    String origin) {

  boolean guided() {
    return request.guidance() > 1
        && (Arrays.stream(labels).anyMatch(l -> l != nullLabel)
            || request.conditions().stream().anyMatch(c -> c.unconditional() != null));
  }

  /** Pictures of a request take its labels in turn, so the batch does not matter. */
  int label(long row) {
    return labels[(int) ((first + row) % labels.length)];
  }

  StepKind kind(int step) {
    return request.schedule().kind(step);
  }

  /**
   * alpha_bar of what a model sees at a step; between two whole times that of the nearest. A model
   * sees sqrt(alpha_bar) x_0 + sqrt(1 - alpha_bar) noise whatever the sampler: where it scales by s
   * = 1 / sqrt(sigma^2 + 1), alpha_bar is s^2.
   */
  double alphaBar(SamplerStep step) {
    return step.scale() < 1
        ? step.scale() * step.scale()
        : noises.alphaBar((int) Math.rint(step.timestep()));
  }

  /** Share of the signal in what step i of the models sees; all of it behind the last step. */
  double signal(int i) {
    if (i == table.count()) {
      return 1;
    }
    SamplerStep step = table.steps().get(i);
    return config.flow() ? 1 - sigma(step) : Math.sqrt(alphaBar(step));
  }

  /** Share of the noise likewise. */
  double noise(int i) {
    if (i == table.count()) {
      return 0;
    }
    SamplerStep step = table.steps().get(i);
    return config.flow() ? sigma(step) : Math.sqrt(1 - alphaBar(step));
  }

  /** Share of the noise along the straight path of flow matching, which the time tells. */
  double sigma(SamplerStep step) {
    return step.timestep() / config.trainSteps();
  }
}
