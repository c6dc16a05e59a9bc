package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.backend.plan.Slot;
import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.ffi.onednn.DnnEngine;
import io.github.morseengine.engine.ffi.openmp.Team;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Map;

/**
 * The memory and threads of one run.
 *
 * @param engine oneDNN's engine
 * @param team the threads
 * @param arena activations
 * @param lifetime owner of argument blocks
 * @param shared buffers on the heap, by what they are for
 */
record Binding(
    DnnEngine engine,
    Team team,
    MemorySegment arena,
    Arena lifetime,
    Map<String, float[][]> shared) {

  /** Buffers per thread that all steps with the same purpose use in turn; zeros at first. */
  float[][] floats(String purpose, int length) {
    return shared.computeIfAbsent(purpose, k -> new float[team.threads()][length]);
  }

  /** The memory of a view, from its first element to the end of its slot. */
  MemorySegment of(View view) {
    Slot slot = view.slot();
    long at = view.offset() * view.dtype().bytes();
    return slot instanceof WeightSlot w
        ? w.weight.data().asSlice(at)
        : arena.asSlice(slot.offset() + at, slot.bytes() - at);
  }
}
