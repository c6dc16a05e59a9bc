package io.github.morseengine.engine.device.cuda;

import io.github.morseengine.engine.ffi.cuda.Graphs;
import java.lang.foreign.MemorySegment;

/**
 * Captured work, ready to be launched any number of times, one launch after the other. The
 * addresses that it was captured with must stay valid. Close is idempotent; whoever closes it has
 * waited for its launches.
 */
public final class CudaGraph implements AutoCloseable {

  private final CudaDevice device;
  private MemorySegment executable;
  private int kernels;
  private boolean closed;

  /** Takes over the graph's work; the graph itself stays the caller's. */
  CudaGraph(CudaDevice device, MemorySegment graph) {
    this.device = device;
    kernels = Graphs.kernels(device.context(), graph);
    executable = Graphs.instantiate(device.context(), graph);
  }

  /** {@return how many kernels one launch starts} */
  public synchronized int kernels() {
    return kernels;
  }

  synchronized MemorySegment executable() {
    if (closed) {
      throw new IllegalStateException("this graph is closed");
    }
    return executable;
  }

  /** Replaces the work: in place where the shapes agree, else by a new executable. */
  synchronized void replace(MemorySegment graph) {
    if (!Graphs.update(device.context(), executable(), graph)) {
      MemorySegment old = executable;
      executable = Graphs.instantiate(device.context(), graph);
      Graphs.destroyExecutable(device.context(), old);
    }
    kernels = Graphs.kernels(device.context(), graph);
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      try {
        if (device.context().usable()) {
          Graphs.destroyExecutable(device.context(), executable);
        }
      } finally {
        device.letGo();
      }
    }
  }
}
