package io.github.morseengine.engine;

import io.github.morseengine.engine.backend.Executable;
import java.util.List;
import java.util.Map;

/**
 * A model bound to static input shapes, with its weights on the device. Immutable and safe for use
 * by several threads. Closing while sessions are open frees the weights when the last one closes.
 */
public final class CompiledModel implements AutoCloseable {

  private final String name;
  private final Executable executable;
  private final Runnable onFree;
  private int sessions;
  private boolean closed;
  private boolean freed;

  CompiledModel(String name, Executable executable, Runnable onFree) {
    this.name = name;
    this.executable = executable;
    this.onFree = onFree;
  }

  /** {@return the name for messages, usually the file} */
  public String name() {
    return name;
  }

  /** {@return the inputs in graph order} */
  public List<Executable.Port> inputs() {
    return executable.inputs();
  }

  /** {@return the outputs in graph order} */
  public List<Executable.Port> outputs() {
    return executable.outputs();
  }

  /** {@return the steps of the plan} */
  public List<Executable.StepInfo> steps() {
    return executable.steps();
  }

  /**
   * {@return how many of the first steps depend on inputs alone that were declared {@linkplain
   * CompileOptions.Builder#constant constant}, and run only after one of these has changed}
   */
  public int onceSteps() {
    return executable.onceSteps();
  }

  /** {@return bytes that each session holds for activations and scratch} */
  public long arenaBytes() {
    return executable.arenaBytes();
  }

  /** {@return the largest sum of activation bytes alive at one step} */
  public long arenaLowerBound() {
    return executable.arenaLowerBound();
  }

  /** {@return bytes of each distinct weight buffer on the device, by an id of its content} */
  public Map<Long, Long> weightBuffers() {
    return executable.weightBuffers();
  }

  /**
   * Allocates a session.
   *
   * @return a session for one thread at a time
   */
  public Session newSession() {
    synchronized (this) {
      if (closed) {
        throw new IllegalStateException("model '" + name + "' is closed");
      }
      sessions++;
    }
    try {
      return new Session(this, executable);
    } catch (RuntimeException | Error e) {
      released();
      throw e;
    }
  }

  void released() {
    synchronized (this) {
      sessions--;
    }
    freeWhenUnused();
  }

  private void freeWhenUnused() {
    synchronized (this) {
      if (!closed || sessions > 0 || freed) {
        return;
      }
      freed = true;
    }
    executable.close();
    onFree.run();
  }

  @Override
  public void close() {
    synchronized (this) {
      closed = true;
    }
    freeWhenUnused();
  }
}
