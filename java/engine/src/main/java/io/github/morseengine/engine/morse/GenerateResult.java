package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.tensor.Tensor;
import java.util.List;

/**
 * What a request gave.
 *
 * @param latents the final samples before decoding and clamping, float32 [N, C, H, W]
 * @param trajectory every sample from the initial one on, float32 [steps + 1, N, C, H, W]; null
 *     unless asked for
 * @param steps the schedule with the measured times
 * @param dashSteps steps of Dash per picture
 * @param dotSteps steps of Dot per picture
 * @param dashMs median time of a Dash step at the request's batch, in milliseconds
 * @param dotMs the same of a Dot step; 0 without Dot steps
 * @param lsd cost in latencies of a Dash step: dashSteps + dotSteps * dotMs / dashMs
 * @param imagesPerSecond pictures over the time of sampling, loading not counted
 * @param loadMs reading and compiling the models for this pipeline so far, in milliseconds
 * @param wallMs time of sampling, in milliseconds
 * @param batch pictures of the largest batch
 * @param weightBytes bytes of weights
 * @param arenaBytes bytes of activations of the sessions that ran
 */
public record GenerateResult(
    Tensor latents,
    Tensor trajectory,
    List<StepReport> steps,
    int dashSteps,
    int dotSteps,
    double dashMs,
    double dotMs,
    double lsd,
    double imagesPerSecond,
    double loadMs,
    double wallMs,
    int batch,
    WeightBytes weightBytes,
    long arenaBytes) {

  /** Copies the list. */
  public GenerateResult {
    steps = List.copyOf(steps);
  }
}
