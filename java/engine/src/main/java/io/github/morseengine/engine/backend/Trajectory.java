package io.github.morseengine.engine.backend;

import io.github.morseengine.engine.backend.SampleUpdate.Factors;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * Whole generations on a device: Dash, Dot and the update between them follow each other without
 * the host, which only starts them. Bound to one run of each model, which nobody else uses
 * meanwhile and which outlive it. For one thread at a time.
 */
public interface Trajectory extends AutoCloseable {

  /**
   * What is connected to what. Ports are counted as in {@link Executable#inputs()} and {@link
   * Executable#outputs()}; -1 stands for an input that a model does not have.
   *
   * @param dash a run of Dash
   * @param dashSample Dash's input for the sample, which may have channels behind the sample's own;
   *     those stay as they lie in the run
   * @param dashTime Dash's input for the time; or -1
   * @param dashOutput Dash's estimate
   * @param dot a run of Dot; null where there is none
   * @param dotSample Dot's input for the sample, likewise
   * @param dotTime Dot's input for the time; or -1
   * @param dotResidual Dot's output
   * @param links what else Dot takes from Dash's latest step
   * @param formers what Dot takes from Dash's step before that
   */
  record Wiring(
      Run dash,
      int dashSample,
      int dashTime,
      int dashOutput,
      Run dot,
      int dotSample,
      int dotTime,
      int dotResidual,
      List<Link> links,
      List<Former> formers) {}

  /**
   * A value of Dash's latest step that Dot reads; of one with channels, as many of the first as
   * Dot's input has.
   *
   * @param ofInput whether it is an input of Dash, else an output
   * @param from port of Dash
   * @param to input of Dot
   */
  record Link(boolean ofInput, int from, int to) {}

  /**
   * An input of Dot that holds what another one held before Dash's latest step; at the first step,
   * what that holds now.
   *
   * @param from input of Dot that a link fills
   * @param to input of Dot
   */
  record Former(int from, int to) {}

  /**
   * A step.
   *
   * @param dot whether Dot speaks, else Dash
   * @param timestep the time that the model is told
   * @param factors of the update behind it; without gradient
   */
  record Step(boolean dot, double timestep, Factors factors) {}

  /**
   * A generation. Other inputs of both models are taken as they lie in the runs.
   *
   * @param steps the steps in order; the first is one of Dash
   * @param pictures rows of the sample; half of the models' rows with guidance
   * @param guidance scale of guidance; NaN for none
   * @param seed of the noise
   * @param first index of the first picture within the request, for the noise
   * @param initial the first sample, float32 [pictures, C, H, W]; null draws it
   * @param initialScale factor of the first sample that is drawn
   * @param stepNoise noise of each step, float32 [steps][pictures, C, H, W]; null draws it
   * @param checkFinite whether to look for NaN and infinity
   */
  record Request(
      List<Step> steps,
      int pictures,
      double guidance,
      long seed,
      int first,
      MemorySegment initial,
      double initialScale,
      MemorySegment stepNoise,
      boolean checkFinite) {}

  /** Hears of finished steps. */
  interface Listener {

    /** {@return whether {@link #sample} wants the samples} */
    boolean wantsSamples();

    /**
     * A sample.
     *
     * @param index 0 for the first, i + 1 for that behind step i
     * @param x float32 [pictures, C, H, W], valid during the call
     */
    void sample(int index, MemorySegment x);

    /**
     * A step is done.
     *
     * @param step its index
     * @param nanos how long the device took
     */
    void done(int step, long nanos);
  }

  /**
   * Runs a generation.
   *
   * @param request what to do
   * @param out receives the final sample, float32 [pictures, C, H, W]
   * @param listener hears of each step, a little later than it happens
   * @return the first step whose sample holds NaN or infinity; -1 if none does or nobody looked
   * @throws java.util.concurrent.CancellationException if the thread is interrupted
   */
  int run(Request request, MemorySegment out, Listener listener);

  @Override
  void close();
}
