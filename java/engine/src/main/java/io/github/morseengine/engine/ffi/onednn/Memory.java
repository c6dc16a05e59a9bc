package io.github.morseengine.engine.ffi.onednn;

import io.github.morseengine.bindings.onednn.OneDnn;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** A descriptor bound to memory of the caller, which must outlive it. Close is idempotent. */
public final class Memory implements AutoCloseable {

  private final MemorySegment handle;
  private boolean closed;

  /**
   * Binds memory.
   *
   * @param engine the engine
   * @param desc layout
   * @param data at least as many bytes as the layout needs
   */
  public Memory(DnnEngine engine, MemoryDesc desc, MemorySegment data) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(ValueLayout.ADDRESS);
      int status = OneDnn.dnnl_memory_create(out, desc.handle(), engine.handle(), data);
      Dnn.check(status, "dnnl_memory_create", desc.bytes() + " bytes");
      handle = out.get(ValueLayout.ADDRESS, 0);
    }
  }

  MemorySegment handle() {
    return handle;
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      Dnn.check(OneDnn.dnnl_memory_destroy(handle), "dnnl_memory_destroy");
    }
  }
}
