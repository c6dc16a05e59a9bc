package io.github.morseengine.engine.device.cuda;

import io.github.morseengine.engine.ffi.cuda.Streams;
import java.lang.foreign.MemorySegment;

/**
 * A mark in a stream's work, with its time. Safe for use by several threads; close is idempotent.
 */
public final class CudaEvent implements AutoCloseable {

  private final CudaDevice device;
  private final MemorySegment handle;
  private boolean closed;

  CudaEvent(CudaDevice device) {
    this.device = device;
    this.handle = Streams.createEvent(device.context(), true);
  }

  synchronized MemorySegment handle() {
    if (closed) {
      throw new IllegalStateException("this event is closed");
    }
    return handle;
  }

  /** Waits until the work before the mark is done. */
  public void synchronize() {
    Streams.synchronizeEvent(device.context(), handle());
  }

  /**
   * Measures the GPU's time between two marks, to about half a microsecond.
   *
   * @param earlier a mark whose work is done
   * @return milliseconds from there to this mark
   */
  public float millisSince(CudaEvent earlier) {
    return Streams.elapsed(device.context(), earlier.handle(), handle());
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      try {
        if (device.context().usable()) {
          Streams.destroyEvent(device.context(), handle);
        }
      } finally {
        device.letGo();
      }
    }
  }
}
