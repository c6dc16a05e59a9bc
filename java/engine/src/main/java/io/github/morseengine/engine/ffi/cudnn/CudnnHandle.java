package io.github.morseengine.engine.ffi.cudnn;

import io.github.morseengine.bindings.cudnn.Cudnn;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.atomic.AtomicLong;

/**
 * cuDNN on the device whose context is current in the thread that creates it. Plans run one at a
 * time: a handle carries the stream that they go to. Close is idempotent.
 */
public final class CudnnHandle implements Target, AutoCloseable {

  private static final AtomicLong LIVE = new AtomicLong();

  private final MemorySegment handle;
  private boolean closed;

  /** Creates a handle; the library must be open. */
  public CudnnHandle() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(ValueLayout.ADDRESS);
      CudnnStatus.check(Cudnn.cudnnCreate(out), "cudnnCreate");
      handle = out.get(ValueLayout.ADDRESS, 0);
    }
    LIVE.incrementAndGet();
  }

  /** {@return how many handles of this process are created and not yet closed} */
  public static long live() {
    return LIVE.get();
  }

  private MemorySegment handle() {
    if (closed) {
      throw new IllegalStateException("this cuDNN handle is closed");
    }
    return handle;
  }

  /**
   * Enqueues a plan on a stream; nothing is allocated.
   *
   * @param plan the plan, made for this handle's device
   * @param pack the addresses
   * @param stream the stream's handle
   */
  public synchronized void execute(ExecutionPlan plan, VariantPack pack, long stream) {
    int status = Cudnn.cudnnSetStream(handle(), MemorySegment.ofAddress(stream));
    if (status == Cudnn.CUDNN_STATUS_SUCCESS()) {
      status = Cudnn.cudnnBackendExecute(handle, plan.handle(), pack.handle());
      CudnnStatus.check(status, "cudnnBackendExecute", plan);
    } else {
      CudnnStatus.check(status, "cudnnSetStream");
    }
  }

  @Override
  public void of(OperationGraph graph) {
    int attribute = Cudnn.CUDNN_ATTR_OPERATIONGRAPH_HANDLE();
    graph.pointers(attribute, Cudnn.CUDNN_TYPE_HANDLE(), handle());
  }

  @Override
  public void of(Heuristics query) {
    // The graph has the handle.
  }

  @Override
  public void of(ExecutionPlan plan) {
    int attribute = Cudnn.CUDNN_ATTR_EXECUTION_PLAN_HANDLE();
    plan.pointers(attribute, Cudnn.CUDNN_TYPE_HANDLE(), handle());
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      LIVE.decrementAndGet();
      CudnnStatus.check(Cudnn.cudnnDestroy(handle), "cudnnDestroy");
    }
  }
}
