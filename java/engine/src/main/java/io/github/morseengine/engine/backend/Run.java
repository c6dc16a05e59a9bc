package io.github.morseengine.engine.backend;

import java.lang.foreign.MemorySegment;

/**
 * Memory and bound arguments for one execution at a time. After creation an execution allocates
 * nothing and looks nothing up. For one thread at a time.
 */
public interface Run extends AutoCloseable {

  /**
   * Where the caller puts an input: dense, row-major, in the port's element type.
   *
   * @param index position in {@link Executable#inputs()}
   * @return memory that stays valid until close and keeps its content until the caller changes it
   */
  MemorySegment input(int index);

  /**
   * Says that an input has been, or is about to be, changed.
   *
   * @param index position in {@link Executable#inputs()}
   */
  default void changed(int index) {}

  /** Runs all steps; those that depend on constant inputs alone only if one of theirs changed. */
  void execute();

  /**
   * Runs as {@link #execute} does and measures each step.
   *
   * @param nanos receives one duration per entry of {@link Executable#steps()}, added to its value;
   *     nothing is added for a step that does not run
   */
  void executeProfiled(long[] nanos);

  /**
   * Where an output lies after {@link #execute}: dense, row-major, in the port's element type.
   *
   * @param index position in {@link Executable#outputs()}
   * @return memory that stays valid until close, the same after every execute, which overwrites it
   */
  MemorySegment output(int index);

  @Override
  void close();
}
