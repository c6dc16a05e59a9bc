package io.github.morseengine.engine.backend.cuda;

import io.github.morseengine.engine.backend.plan.Slot;
import io.github.morseengine.engine.device.cuda.DeviceWeights;

/** The device memory of a weight. */
final class WeightSlot extends Slot {

  final DeviceWeights.DeviceWeight weight;

  WeightSlot(DeviceWeights.DeviceWeight weight) {
    super(weight.bytes());
    this.weight = weight;
  }

  @Override
  public boolean isActivation() {
    return false;
  }
}
