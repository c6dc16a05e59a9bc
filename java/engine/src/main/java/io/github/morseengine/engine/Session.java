package io.github.morseengine.engine;

import io.github.morseengine.engine.backend.Executable;
import io.github.morseengine.engine.backend.Run;
import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;

/**
 * One run at a time of a {@link CompiledModel}, with memory of its own. For one thread at a time;
 * take one session per thread. Closing twice is harmless; use after close throws {@link
 * IllegalStateException}.
 */
public final class Session implements AutoCloseable {

  private final CompiledModel model;
  private final Executable executable;
  private final Run run;
  private boolean closed;

  Session(CompiledModel model, Executable executable) {
    this.model = model;
    this.executable = executable;
    this.run = executable.newRun();
  }

  /**
   * Copies an input.
   *
   * @param name input name
   * @param value element type and shape exactly as compiled
   * @return this
   * @throws InvalidInputException if name, type or shape do not fit, or an element is NaN
   */
  public Session setInput(String name, Tensor value) {
    open();
    int index = indexOf(executable.inputs(), name, "input");
    Executable.Port port = executable.inputs().get(index);
    if (value.dtype() != port.dtype() || !Arrays.equals(value.shape(), port.shape())) {
      throw new InvalidInputException(
          model.name()
              + ": input '"
              + name
              + "' takes "
              + port.dtype()
              + Arrays.toString(port.shape())
              + ", got "
              + value);
    }
    checkNumbers(name, value);
    MemorySegment memory = run.input(index);
    if (!executable.isConstant(index)) {
      memory.copyFrom(value.data());
    } else if (memory.mismatch(value.data()) >= 0) {
      memory.copyFrom(value.data());
      run.changed(index);
    }
    return this;
  }

  /** Infinity is let through: attention masks are made of it. */
  private void checkNumbers(String name, Tensor value) {
    if (!value.dtype().isFloat()) {
      return;
    }
    for (long i = 0; i < value.elements(); i++) {
      if (Double.isNaN(value.getDouble(i))) {
        throw new InvalidInputException(
            model.name() + ": input '" + name + "' is NaN at element " + i + ": give numbers");
      }
    }
  }

  /** Runs the model; inputs keep their values from one run to the next until they are set again. */
  public void run() {
    open();
    run.execute();
  }

  /**
   * Runs the model and measures each step.
   *
   * @param nanos receives one duration per entry of {@link CompiledModel#steps()}, added to its
   *     value
   */
  public void runProfiled(long[] nanos) {
    open();
    run.executeProfiled(nanos);
  }

  /**
   * An output of the latest run, as a view that the next run overwrites.
   *
   * @param name output name
   * @return dense row-major elements
   */
  public Tensor output(String name) {
    open();
    int index = indexOf(executable.outputs(), name, "output");
    Executable.Port port = executable.outputs().get(index);
    return new Tensor(port.dtype(), port.shape(), run.output(index));
  }

  /**
   * The memory of an input, to be filled in place before each run. That of an input that was
   * declared constant has to be asked for again before each change.
   *
   * @param name input name
   * @return dense row-major elements, kept from one run to the next
   */
  public Tensor input(String name) {
    open();
    int index = indexOf(executable.inputs(), name, "input");
    run.changed(index);
    Executable.Port port = executable.inputs().get(index);
    return new Tensor(port.dtype(), port.shape(), run.input(index));
  }

  Run memory() {
    open();
    return run;
  }

  /** Position of an input; -1 where the model does not have it. */
  int inputIndex(String name) {
    return find(executable.inputs(), name);
  }

  /** Position of an output; -1 where the model does not have it. */
  int outputIndex(String name) {
    return find(executable.outputs(), name);
  }

  private static int find(List<Executable.Port> ports, String name) {
    for (int i = 0; i < ports.size(); i++) {
      if (ports.get(i).name().equals(name)) {
        return i;
      }
    }
    return -1;
  }

  private int indexOf(List<Executable.Port> ports, String name, String what) {
    int found = find(ports, name);
    if (found >= 0) {
      return found;
    }
    throw new InvalidInputException(
        model.name()
            + ": no "
            + what
            + " '"
            + name
            + "'; the model has "
            + ports.stream().map(Executable.Port::name).toList());
  }

  private void open() {
    if (closed) {
      throw new IllegalStateException("this session is closed");
    }
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      run.close();
      model.released();
    }
  }
}
