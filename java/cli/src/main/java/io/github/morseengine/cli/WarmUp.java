package io.github.morseengine.cli;

/**
 * Tells when the JVM has compiled our own kernels to the end: runs have stopped to get faster. A
 * count of runs or seconds can't tell: the compiler works beside the threads that it waits for. For
 * one thread.
 */
final class WarmUp {

  /** A run counts as faster if it takes this share less than the fastest before. */
  private static final double SHARE = 0.03;

  private final int enough;
  private double fastest = Double.POSITIVE_INFINITY;
  private int since;

  /**
   * Begins.
   *
   * @param enough runs in a row that were not faster
   */
  WarmUp(int enough) {
    this.enough = enough;
  }

  /** Counts a run that took so long, in any unit. */
  void add(double time) {
    since = time < fastest * (1 - SHARE) ? 0 : since + 1;
    fastest = Math.min(fastest, time);
  }

  /** {@return whether enough runs in a row were not faster} */
  boolean done() {
    return since >= enough;
  }
}
