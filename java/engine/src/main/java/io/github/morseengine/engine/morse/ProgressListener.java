package io.github.morseengine.engine.morse;

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

  /** {@return a listener that does nothing} */
  static ProgressListener none() {
    return (done, total) -> {};
  }
}
