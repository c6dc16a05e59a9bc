package io.github.morseengine.engine.device.cuda;

import io.github.morseengine.engine.ffi.cuda.CudaContext;
import io.github.morseengine.engine.ffi.cuda.Memory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Page-locked host memory. Whoever closes it has waited for the copies that use it. Close is
 * idempotent; the segment is invalid afterwards.
 */
public final class PinnedBuffer implements AutoCloseable {

  private final CudaDevice device;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment segment;
  private final AtomicBoolean closed = new AtomicBoolean();

  PinnedBuffer(CudaDevice device, long bytes) {
    this.device = device;
    CudaContext context = device.context();
    segment =
        Memory.allocatePinned(context, bytes)
            .reinterpret(
                bytes,
                arena,
                s -> {
                  if (context.usable()) {
                    Memory.freePinned(context, s);
                  }
                });
  }

  /** {@return the memory, valid until close} */
  public MemorySegment segment() {
    return segment;
  }

  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      try {
        arena.close();
      } finally {
        device.letGo();
      }
    }
  }
}
