package io.github.morseengine.engine.backend.cuda.cudnn;

import io.github.morseengine.engine.device.DiskCache;
import io.github.morseengine.engine.device.cuda.CudaDevice;
import io.github.morseengine.engine.device.cuda.CudaStream;
import io.github.morseengine.engine.device.cuda.DeviceBuffer;
import io.github.morseengine.engine.device.cuda.Stopwatch;
import io.github.morseengine.engine.error.NativeLibraryException;
import io.github.morseengine.engine.ffi.CudaLibraries;
import io.github.morseengine.engine.ffi.CudaLibrary;
import io.github.morseengine.engine.ffi.Version;
import io.github.morseengine.engine.ffi.cudnn.CudnnHandle;
import io.github.morseengine.engine.ffi.cudnn.ExecutionPlan;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * cuDNN on one device: finds the plan of each convolution and attention once, and keeps it until it
 * is closed, which comes after the last run. Safe for use by several threads; close is idempotent.
 */
public final class CudnnPlans implements AutoCloseable {

  /**
   * Candidates that are measured per problem. The heuristics put the best first with few
   * exceptions, and compiling a fused one takes up to a second.
   */
  private static final int CANDIDATES = 6;

  /** The first cuDNN whose graphs have attention as one operation. */
  private static final Version ATTENTION_SINCE = new Version(9, 13, 0);

  private final CudaDevice device;
  private final boolean measured;
  private final Version version;
  private final CudnnHandle handle;
  private final Planner planner;
  private final Map<String, Optional<CudnnPlan>> plans = new HashMap<>();

  /** Keeps the device's context alive, however early the device is closed. */
  private final CudaStream stream;

  private boolean closed;

  /**
   * Opens cuDNN.
   *
   * @param device the device
   * @param cache where choices are kept
   * @param measured whether candidates are timed on the device; else the heuristics' first that
   *     works is taken
   * @throws NativeLibraryException if there is no cuDNN that we work with, or it does not start;
   *     the message says what was looked for, where, and what to do
   */
  public CudnnPlans(CudaDevice device, DiskCache cache, boolean measured) {
    this.device = device;
    this.measured = measured;
    version = CudaLibraries.open(CudaLibrary.CUDNN).version();
    stream = device.newStream();
    try {
      device.makeCurrent();
      handle = new CudnnHandle();
    } catch (RuntimeException e) {
      stream.close();
      throw e;
    }
    String target =
        String.join(
            " ",
            device.name(),
            "sm_" + device.computeCapability(),
            device.multiprocessors() + " multiprocessors",
            "cuDNN " + version);
    planner = new Planner(handle, target, cache, CANDIDATES);
  }

  /** {@return the library's version} */
  public String version() {
    return version.toString();
  }

  /**
   * Finds the plan of a convolution.
   *
   * @param spec the convolution
   * @return the plan, or nothing where cuDNN has no engine for it and something else must run it;
   *     its tensors are bound in the order x, w, bias, residual, y, without those that are not
   *     there
   */
  public Optional<CudnnPlan> find(ConvSpec spec) {
    return find(new ConvGraph(spec));
  }

  /**
   * Finds the plan of an attention.
   *
   * @param spec the attention
   * @return the plan, or nothing where cuDNN has no engine for it; its tensors are bound in the
   *     order q, k, v, output
   */
  public Optional<CudnnPlan> find(AttentionSpec spec) {
    return version.compareTo(ATTENTION_SINCE) < 0
        ? Optional.empty()
        : find(new AttentionGraph(spec));
  }

  private synchronized Optional<CudnnPlan> find(Problem problem) {
    if (closed) {
      throw new IllegalStateException("cuDNN is closed");
    }
    // Plans of attentions that differ in their scale only are one and the same to cuDNN.
    String key = problem.key() + problem.scalar();
    Optional<CudnnPlan> known = plans.get(key);
    if (known == null) {
      device.makeCurrent();
      known = plan(problem).map(p -> new CudnnPlan(device, handle, problem, p));
      plans.put(key, known);
    }
    return known;
  }

  private Optional<Planner.Planned> plan(Problem problem) {
    Optional<Planner.Planned> stored = planner.stored(problem);
    if (stored.isPresent()) {
      return stored;
    }
    if (!measured) {
      return planner.choose(problem, null);
    }
    try (Stopwatch watch = new Stopwatch(device, problem.bytes())) {
      return planner.choose(problem, plan -> micros(watch, problem, plan));
    }
  }

  private double micros(Stopwatch watch, Problem problem, ExecutionPlan plan) {
    try (DeviceBuffer workspace = device.allocate(plan.workspaceBytes());
        Binding binding = new Binding(problem, watch.addresses(), workspace.address())) {
      return watch.micros(s -> handle.execute(plan, binding.pack(), s.handle()));
    }
  }

  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    try {
      plans.values().forEach(p -> p.ifPresent(CudnnPlan::close));
      if (device.isUsable()) {
        device.makeCurrent();
        handle.close();
      }
    } finally {
      stream.close();
    }
  }
}
