package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.tensor.Tensor;

/** Hears how far a request is; called by the thread that generates. */
@FunctionalInterface
public interface ProgressListener {

  /**
   * Called before the first step and after each step of each batch.
   *
   * @param done steps done, over all batches
   * @param total steps of the request, over all batches
   */
  void step(int done, int total);

  /**
   * Asked once per request.
   *
   * @return whether {@link #estimate} is to be called; the steps then go through the host one by
   *     one on every device
   */
  default boolean wantsEstimates() {
    return false;
  }

  /**
   * What a step takes the finished samples of its batch for; called before {@link #step}.
   *
   * @param done steps done, this one included, over all batches
   * @param total steps of the request, over all batches
   * @param estimate float32 [pictures of the batch, C, H, W], valid during the call
   */
  default void estimate(int done, int total, Tensor estimate) {}

  /** {@return a listener that does nothing} */
  static ProgressListener none() {
    return (done, total) -> {};
  }
}
