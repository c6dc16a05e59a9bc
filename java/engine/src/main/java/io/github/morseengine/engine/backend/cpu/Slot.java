package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.device.WeightStore;

/** A region of memory: a part of the arena that lives from one step to another, or a weight. */
final class Slot {

  final long bytes;
  final WeightStore.Weight weight;
  int first = Integer.MAX_VALUE;
  int last = -1;
  long offset = -1;

  private Slot(long bytes, WeightStore.Weight weight) {
    this.bytes = bytes;
    this.weight = weight;
  }

  static Slot activation(long bytes) {
    return new Slot(bytes, null);
  }

  static Slot of(WeightStore.Weight weight) {
    return new Slot(weight.data().byteSize(), weight);
  }

  /** Extends the life to a step. */
  void touch(int step) {
    first = Math.min(first, step);
    last = Math.max(last, step);
  }
}
