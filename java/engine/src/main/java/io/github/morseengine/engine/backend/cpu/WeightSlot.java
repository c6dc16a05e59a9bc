package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.backend.plan.Slot;
import io.github.morseengine.engine.device.WeightStore;

/** The memory of a weight, outside of the arena. */
final class WeightSlot extends Slot {

  final WeightStore.Weight weight;

  WeightSlot(WeightStore.Weight weight) {
    super(weight.data().byteSize());
    this.weight = weight;
  }

  @Override
  public boolean isActivation() {
    return false;
  }
}
