package io.github.morseengine.engine.device.cuda;

/** Closes many things although some fail: the first failure is thrown, the others hang on it. */
final class Closing {

  private RuntimeException first;

  /**
   * Begins.
   *
   * @param first a failure that is thrown already; null if there is none
   */
  Closing(RuntimeException first) {
    this.first = first;
  }

  /** Does one step, whatever happened in others. */
  void run(Runnable step) {
    try {
      step.run();
    } catch (RuntimeException e) {
      if (first == null) {
        first = e;
      } else {
        first.addSuppressed(e);
      }
    }
  }

  /** Throws what went wrong, if anything did. */
  void finish() {
    if (first != null) {
      throw first;
    }
  }
}
