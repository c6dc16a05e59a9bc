package io.github.morseengine.engine.backend.cuda;

import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.device.cuda.CudaDevice;
import java.lang.foreign.Arena;

/**
 * The memory of one run.
 *
 * @param device where it lies
 * @param arena address of the arena
 * @param inputs address of each graph input in the plan's form
 * @param lifetime owner of argument blocks on the host
 */
record CudaBinding(CudaDevice device, long arena, long[] inputs, Arena lifetime) {

  /** Device address of a view's element at index 0. */
  long address(View view) {
    long at = view.offset() * view.dtype().bytes();
    return at
        + switch (view.slot()) {
          case WeightSlot w -> w.weight.address();
          case InputSlot in -> inputs[in.index];
          case FixedSlot f -> f.address;
          default -> arena + view.slot().offset();
        };
  }
}
