package io.github.morseengine.engine.backend.cuda;

import io.github.morseengine.engine.backend.plan.Slot;

/**
 * The memory of a graph input in the form that the plan reads. It lies outside of the arena, so
 * that it keeps its content from run to run and can be another executable's output.
 */
final class InputSlot extends Slot {

  final int index;

  InputSlot(int index, long bytes) {
    super(bytes);
    this.index = index;
  }

  @Override
  public boolean isActivation() {
    return false;
  }
}
