package io.github.morseengine.engine.ffi.onednn;

import io.github.morseengine.bindings.onednn.OneDnn;
import io.github.morseengine.engine.ffi.NativeLibraries;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** The CPU engine with one stream. Safe for use by several threads; close is idempotent. */
public final class DnnEngine implements AutoCloseable {

  /** Primitives are kept by their owners, so oneDNN's own cache would only hold them twice. */
  private static final int PRIMITIVE_CACHE = 256;

  private final MemorySegment engine;
  private final MemorySegment stream;
  private boolean closed;

  /** Opens the library if needed and creates the engine. */
  public DnnEngine() {
    NativeLibraries.oneDnn();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(ValueLayout.ADDRESS);
      int status = OneDnn.dnnl_set_primitive_cache_capacity(PRIMITIVE_CACHE);
      Dnn.check(status, "dnnl_set_primitive_cache_capacity", PRIMITIVE_CACHE);
      status = OneDnn.dnnl_engine_create(out, OneDnn.dnnl_cpu(), 0);
      Dnn.check(status, "dnnl_engine_create", "cpu");
      engine = out.get(ValueLayout.ADDRESS, 0);
      status = OneDnn.dnnl_stream_create(out, engine, OneDnn.dnnl_stream_default_flags());
      if (status != OneDnn.dnnl_success()) {
        OneDnn.dnnl_engine_destroy(engine);
      }
      Dnn.check(status, "dnnl_stream_create", "cpu");
      stream = out.get(ValueLayout.ADDRESS, 0);
    }
  }

  MemorySegment handle() {
    return engine;
  }

  /** {@return the stream; the CPU's is synchronous} */
  MemorySegment stream() {
    return stream;
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      int first = OneDnn.dnnl_stream_destroy(stream);
      int second = OneDnn.dnnl_engine_destroy(engine);
      Dnn.check(first, "dnnl_stream_destroy");
      Dnn.check(second, "dnnl_engine_destroy");
    }
  }
}
