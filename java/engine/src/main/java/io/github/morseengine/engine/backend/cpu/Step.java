package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.backend.plan.View;
import java.util.List;

/** One immutable step of a program; bound to memory once per run object. */
interface Step extends AutoCloseable {

  /** A step with its memory, ready to run again and again without allocation. */
  interface Bound extends AutoCloseable {
    void run();

    @Override
    default void close() {}
  }

  /** {@return what runs it, for reports} */
  String kernel();

  /** {@return all memory that it reads or writes, for lifetimes} */
  List<View> views();

  /** {@return whether oneDNN is to run it on the caller's thread alone} */
  default boolean alone() {
    return false;
  }

  /** Binds memory. */
  Bound bind(Binding binding);

  @Override
  default void close() {}
}
