package io.github.morseengine.engine.backend;

import io.github.morseengine.engine.tensor.DType;
import java.util.List;
import java.util.Map;

/** An immutable plan bound to static shapes. Safe for use by several threads. */
public interface Executable extends AutoCloseable {

  /**
   * A graph input or output.
   *
   * @param name its name
   * @param dtype element type
   * @param shape static dimensions
   */
  record Port(String name, DType dtype, long[] shape) {}

  /**
   * One step of the plan, for people and profilers.
   *
   * @param name node name
   * @param kind operator with what was fused into it
   * @param kernel what runs it, e.g. oneDNN's implementation name
   * @param flops arithmetic operations of one execution (a multiply-add is two)
   * @param bytes bytes read and written at least
   */
  record StepInfo(String name, String kind, String kernel, long flops, long bytes) {}

  /** {@return the inputs in graph order} */
  List<Port> inputs();

  /** {@return the outputs in graph order} */
  List<Port> outputs();

  /** {@return the steps in order of execution} */
  List<StepInfo> steps();

  /**
   * {@return how many of the first steps depend on constant inputs alone, and run only after one of
   * those that they depend on has changed}
   */
  default int onceSteps() {
    return 0;
  }

  /**
   * Whether an input was declared constant and is treated so.
   *
   * @param index position in {@link #inputs()}
   * @return true if what depends on it is kept from run to run
   */
  default boolean isConstant(int index) {
    return false;
  }

  /** {@return bytes of the arena that each run needs for activations and scratch} */
  long arenaBytes();

  /** {@return the largest sum of bytes alive at one step: no plan needs less} */
  long arenaLowerBound();

  /**
   * {@return size in bytes of each distinct weight buffer on the device, by an id of its content}
   */
  Map<Long, Long> weightBuffers();

  /**
   * Allocates what one run at a time needs.
   *
   * @return a run; not for use by several threads at once
   */
  Run newRun();

  @Override
  void close();
}
