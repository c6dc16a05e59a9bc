package io.github.morseengine.engine.backend.cuda.cudnn;

import io.github.morseengine.engine.device.cuda.CudaDevice;
import io.github.morseengine.engine.device.cuda.CudaStream;
import io.github.morseengine.engine.ffi.cudnn.CudnnHandle;
import io.github.morseengine.engine.ffi.cudnn.ExecutionPlan;

/**
 * How cuDNN runs a problem on a device. Immutable; used by several threads. It belongs to the
 * {@link CudnnPlans} that found it and is closed with them.
 */
public final class CudnnPlan {

  /** A plan with its addresses. Whoever closes it has waited for its runs; close is idempotent. */
  public final class Bound implements AutoCloseable {

    private final Binding binding;

    private Bound(Binding binding) {
      this.binding = binding;
    }

    /**
     * Enqueues one run, or adds it to the graph that the stream captures; nothing is allocated.
     *
     * @param stream the stream
     */
    public void enqueue(CudaStream stream) {
      device.makeCurrent();
      handle.execute(plan, binding.pack(), stream.handle());
    }

    @Override
    public void close() {
      binding.close();
    }
  }

  private final CudaDevice device;
  private final CudnnHandle handle;
  private final Problem problem;
  private final ExecutionPlan plan;
  private final String tag;
  private final boolean fromCache;
  private final long workspaceBytes;

  CudnnPlan(CudaDevice device, CudnnHandle handle, Problem problem, Planner.Planned planned) {
    this.device = device;
    this.handle = handle;
    this.problem = problem;
    this.plan = planned.plan();
    this.tag = planned.tag();
    this.fromCache = planned.fromCache();
    this.workspaceBytes = plan.workspaceBytes();
  }

  /** {@return bytes of device memory that a run needs beside its tensors; their content is lost} */
  public long workspaceBytes() {
    return workspaceBytes;
  }

  /** {@return engine and settings, for reports} */
  public String tag() {
    return tag;
  }

  /** {@return whether the choice was read from the disk} */
  public boolean fromCache() {
    return fromCache;
  }

  /**
   * Binds memory, once for any number of runs.
   *
   * @param workspace device memory of {@link #workspaceBytes()}; 0 where none is needed
   * @param addresses of the tensors on the device, in the order that {@link CudnnPlans} says
   * @return the plan with its memory, which the caller closes before the plans
   */
  public Bound bind(long workspace, long... addresses) {
    return new Bound(new Binding(problem, addresses, workspace));
  }

  void close() {
    plan.close();
  }
}
