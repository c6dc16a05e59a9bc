package io.github.morseengine.engine.backend.cuda;

import io.github.morseengine.engine.backend.plan.Slot;
import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.device.cuda.DeviceBuffer;
import io.github.morseengine.engine.tensor.DType;

/** Memory whose address is known already: a run's own, or a buffer beside the runs. */
final class FixedSlot extends Slot {

  final long address;

  private FixedSlot(long address, long bytes) {
    super(bytes);
    this.address = address;
  }

  @Override
  public boolean isActivation() {
    return false;
  }

  /** A view of a run's memory, freed of its run. */
  static View view(View v, CudaBinding b) {
    long start = b.address(v) - v.offset() * v.dtype().bytes();
    FixedSlot slot = new FixedSlot(start, v.slot().bytes());
    return new View(slot, v.offset(), v.dtype(), v.shape(), v.strides());
  }

  /** Memory of its own for what a view looks like, from its first element on. */
  static View view(long address, long bytes, View like) {
    return new View(new FixedSlot(address, bytes), 0, like.dtype(), like.shape(), like.strides());
  }

  /** A buffer as a tensor. */
  static View view(DeviceBuffer buffer, DType dtype, long[] shape, long[] strides) {
    return new View(new FixedSlot(buffer.address(), buffer.bytes()), 0, dtype, shape, strides);
  }
}
