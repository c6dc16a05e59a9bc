package io.github.morseengine.engine.backend.cuda.cudnn;

import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.ffi.cudnn.VariantPack;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/** The addresses of a problem's tensors for cuDNN, with the host memory of its scalar. */
final class Binding implements AutoCloseable {

  private final VariantPack pack;

  /** Read whenever the plan is enqueued; lives as long as this. */
  private final MemorySegment scalar;

  Binding(Problem problem, long[] addresses, long workspace) {
    long[] ids = problem.ids();
    if (addresses.length != ids.length) {
      throw new InvalidInputException(
          problem.key() + " has " + ids.length + " tensors, bound are " + addresses.length);
    }
    if (problem.scalar().isEmpty()) {
      scalar = null;
      pack = new VariantPack(ids, addresses, workspace);
      return;
    }
    float value = (float) problem.scalar().getAsDouble();
    scalar = Arena.ofAuto().allocateFrom(ValueLayout.JAVA_FLOAT, value);
    long[] allIds = Arrays.copyOf(ids, ids.length + 1);
    long[] all = Arrays.copyOf(addresses, ids.length + 1);
    allIds[ids.length] = Problem.SCALAR;
    all[ids.length] = scalar.address();
    pack = new VariantPack(allIds, all, workspace);
  }

  VariantPack pack() {
    return pack;
  }

  @Override
  public void close() {
    pack.close();
  }
}
