package io.github.morseengine.engine.backend.cuda;

import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.device.cuda.CudaStream;
import java.util.List;

/** One immutable step of a program; bound to memory once per run object. */
interface CudaStep extends AutoCloseable {

  /** A step with its memory, ready to be enqueued again and again without allocation. */
  interface Bound extends AutoCloseable {
    void enqueue(CudaStream stream);

    @Override
    default void close() {}
  }

  /** {@return what runs it, for reports} */
  String kernel();

  /** {@return all memory that it reads or writes, for lifetimes} */
  List<View> views();

  /** {@return whether it can be part of a captured graph: it does not wait for the host} */
  default boolean isCapturable() {
    return true;
  }

  /** Binds memory. */
  Bound bind(CudaBinding binding);

  @Override
  default void close() {}
}
