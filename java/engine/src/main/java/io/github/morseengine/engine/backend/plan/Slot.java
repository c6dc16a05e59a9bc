package io.github.morseengine.engine.backend.plan;

/**
 * A region of memory. As it stands, a part of the arena that lives from one step to another;
 * backends derive what lies elsewhere, such as weights. For one thread while a plan is made,
 * immutable afterwards.
 */
public class Slot {

  private final long bytes;
  private int first = Integer.MAX_VALUE;
  private int last = -1;
  private long offset = -1;

  /**
   * Creates a region that no step uses yet.
   *
   * @param bytes its size
   */
  public Slot(long bytes) {
    this.bytes = bytes;
  }

  /** {@return the size in bytes} */
  public final long bytes() {
    return bytes;
  }

  /** {@return whether the region lies in the arena} */
  public boolean isActivation() {
    return true;
  }

  /** {@return whether a step uses it} */
  public final boolean isUsed() {
    return last >= 0;
  }

  /** {@return the first step of its life} */
  public final int first() {
    return first;
  }

  /** {@return the last step of its life} */
  public final int last() {
    return last;
  }

  /** {@return where it lies in the arena, in bytes; -1 before it is placed} */
  public final long offset() {
    return offset;
  }

  final void place(long at) {
    offset = at;
  }

  /**
   * Extends the life to a step.
   *
   * @param step index of the step
   */
  public final void touch(int step) {
    first = Math.min(first, step);
    last = Math.max(last, step);
  }
}
