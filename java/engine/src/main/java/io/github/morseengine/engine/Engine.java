package io.github.morseengine.engine;

import io.github.morseengine.engine.backend.Backend;
import io.github.morseengine.engine.backend.Executable;
import io.github.morseengine.engine.backend.Precision;
import io.github.morseengine.engine.backend.SampleUpdate;
import io.github.morseengine.engine.backend.Trajectory;
import io.github.morseengine.engine.backend.cpu.CpuBackend;
import io.github.morseengine.engine.backend.cuda.CudaBackend;
import io.github.morseengine.engine.backend.reference.ReferenceBackend;
import io.github.morseengine.engine.error.DeviceFatalException;
import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.error.ModelFormatException;
import io.github.morseengine.engine.error.NativeLibraryException;
import io.github.morseengine.engine.graph.infer.GraphBinder;
import io.github.morseengine.engine.graph.onnx.OnnxModel;
import io.github.morseengine.engine.graph.passes.Passes;
import io.github.morseengine.engine.ir.Graph;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A device that models run on. Weights of equal content are held once per engine, whichever model
 * they come from. Safe for use by several threads; close is idempotent, and frees the device when
 * the last model is closed.
 */
public final class Engine implements AutoCloseable {

  private final Backend backend;
  private final String notice;
  private int models;
  private boolean closed;
  private boolean freed;

  private Engine(Backend backend, String notice) {
    this.backend = backend;
    this.notice = notice;
  }

  /** {@return a builder with the defaults: backend auto, all processors, precision auto} */
  public static Builder builder() {
    return new Builder();
  }

  /** {@return an engine with the defaults} */
  public static Engine open() {
    return builder().build();
  }

  /** Collects options. */
  public static final class Builder {
    private String backend = "auto";
    private int threads;
    private Precision precision = Precision.AUTO;

    private Builder() {}

    /**
     * Chooses the backend.
     *
     * @param name auto (a GPU where there is one that works, else the processor), cpu, cuda or
     *     reference
     * @return this
     */
    public Builder backend(String name) {
      this.backend = name;
      return this;
    }

    /**
     * Chooses how many threads one run uses.
     *
     * @param count threads; 0 for all processors
     * @return this
     */
    public Builder threads(int count) {
      this.threads = count;
      return this;
    }

    /**
     * Chooses the arithmetic of convolutions and products.
     *
     * @param value the precision
     * @return this
     */
    public Builder precision(Precision value) {
      this.precision = value;
      return this;
    }

    /**
     * Opens the device.
     *
     * @return the engine
     * @throws InvalidInputException if an option is unknown or not available on the backend
     * @throws NativeLibraryException if the backend's libraries are missing
     */
    public Engine build() {
      return switch (backend) {
        case "auto" -> automatic();
        case "cpu" -> new Engine(new CpuBackend(threads, precision), null);
        case "reference" -> new Engine(new ReferenceBackend(), null);
        case "cuda" -> new Engine(new CudaBackend(0, precision), null);
        default ->
            throw new InvalidInputException(
                "unknown backend '" + backend + "': use auto, cpu, cuda or reference");
      };
    }

    /** The GPU where there is one that works, else the processor. */
    private Engine automatic() {
      try {
        return new Engine(new CudaBackend(0, precision), null);
      } catch (NativeLibraryException | DeviceFatalException e) {
        return new Engine(new CpuBackend(threads, precision), "no GPU: " + e.getMessage());
      }
    }
  }

  /**
   * Reads, optimises and compiles a model; the file is not needed afterwards.
   *
   * @param file the .onnx file
   * @param options input shapes
   * @return an immutable model, shared by threads
   */
  public CompiledModel compile(Path file, CompileOptions options) {
    try (OnnxModel model = OnnxModel.open(file)) {
      return compile(model, options);
    }
  }

  /**
   * Optimises and compiles an opened model.
   *
   * @param model the model; not needed afterwards
   * @param options input shapes
   * @return an immutable model, shared by threads
   */
  public CompiledModel compile(OnnxModel model, CompileOptions options) {
    synchronized (this) {
      if (closed) {
        throw new IllegalStateException("this engine is closed");
      }
      models++;
    }
    try {
      Graph graph = model.newGraph();
      GraphBinder.bind(graph, options.inputShapes());
      graph.declareConstant(options.constants());
      Passes.optimize(graph);
      Executable executable = backend.compile(graph, options.insteadOfFp16());
      return new CompiledModel(model.name(), executable, this::released);
    } catch (InternalError e) {
      released();
      // The JVM's answer to a mapped file that was cut after it was opened.
      throw new ModelFormatException(
          model.name() + ": a file of its weights was changed while it was read: load it again", e);
    } catch (RuntimeException | Error e) {
      released();
      throw e;
    }
  }

  private void released() {
    synchronized (this) {
      models--;
    }
    freeWhenUnused();
  }

  private void freeWhenUnused() {
    synchronized (this) {
      if (!closed || models > 0 || freed) {
        return;
      }
      freed = true;
    }
    backend.close();
  }

  /** {@return cpu, cuda or reference} */
  public String backendName() {
    return backend.name();
  }

  /**
   * {@return why the backend auto chose the processor and not a GPU, in one line; null where it did
   * not}
   */
  public String notice() {
    return notice;
  }

  /** {@return the device in words} */
  public String device() {
    return backend.device();
  }

  /** {@return threads that one run uses} */
  public int threads() {
    return backend.threads();
  }

  /** {@return the precision in use} */
  public Precision precision() {
    return backend.precision();
  }

  /** {@return the fused residual-feedback step of this device} */
  public SampleUpdate sampleUpdate() {
    return backend.sampleUpdate();
  }

  /**
   * Names of what a generation connects.
   *
   * @param sample both models' input for the sample
   * @param timestep both models' input for the time; a model may lack it
   * @param estimate Dash's output
   * @param residual Dot's output
   * @param observed what else Dot takes from Dash's latest step: its input, then Dash's output or
   *     input
   * @param previous what Dot takes from Dash's step before: its input, then that of its inputs
   *     which takes the same from the latest step
   */
  public record LoopPorts(
      String sample,
      String timestep,
      String estimate,
      String residual,
      Map<String, String> observed,
      Map<String, String> previous) {}

  /**
   * Prepares generations that the device does by itself.
   *
   * @param dash a session of Dash, which the loop uses until it is closed
   * @param dot a session of Dot; null for none
   * @param ports what is connected
   * @return the loop; null where this device has none, or not for these models
   */
  public Trajectory trajectory(Session dash, Session dot, LoopPorts ports) {
    List<Trajectory.Link> links = new ArrayList<>();
    List<Trajectory.Former> formers = new ArrayList<>();
    if (dot != null) {
      for (Map.Entry<String, String> e : ports.observed().entrySet()) {
        int output = dash.outputIndex(e.getValue());
        int from = output >= 0 ? output : dash.inputIndex(e.getValue());
        int to = dot.inputIndex(e.getKey());
        if (from < 0 || to < 0) {
          return null;
        }
        links.add(new Trajectory.Link(output < 0, from, to));
      }
      for (Map.Entry<String, String> e : ports.previous().entrySet()) {
        int from = dot.inputIndex(e.getValue());
        int to = dot.inputIndex(e.getKey());
        if (from < 0 || to < 0) {
          return null;
        }
        formers.add(new Trajectory.Former(from, to));
      }
    }
    return backend.trajectory(
        new Trajectory.Wiring(
            dash.memory(),
            dash.inputIndex(ports.sample()),
            dash.inputIndex(ports.timestep()),
            dash.outputIndex(ports.estimate()),
            dot == null ? null : dot.memory(),
            dot == null ? -1 : dot.inputIndex(ports.sample()),
            dot == null ? -1 : dot.inputIndex(ports.timestep()),
            dot == null ? -1 : dot.outputIndex(ports.residual()),
            links,
            formers));
  }

  /** {@return bytes of a GPU's memory now held, by weights, arenas and loops; 0 without a GPU} */
  public long deviceBytes() {
    return backend.deviceBytes();
  }

  /** {@return bytes of weights on the device now, each distinct content once} */
  public long weightBytes() {
    return backend.weightBytes();
  }

  @Override
  public void close() {
    synchronized (this) {
      closed = true;
    }
    freeWhenUnused();
  }
}
