package io.github.morseengine.engine.ffi.onednn;

import io.github.morseengine.bindings.onednn.OneDnn;
import io.github.morseengine.engine.tensor.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Shape, type and layout of a tensor as oneDNN sees it. Immutable; close is idempotent. */
public final class MemoryDesc implements AutoCloseable {

  private final MemorySegment handle;
  private boolean closed;

  private MemoryDesc(MemorySegment handle) {
    this.handle = handle;
  }

  /**
   * A plain layout.
   *
   * @param type element type
   * @param dims dimensions, outermost first
   * @param strides distance in elements between neighbours
   * @return the descriptor
   */
  public static MemoryDesc strided(DType type, long[] dims, long[] strides) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(ValueLayout.ADDRESS);
      int status =
          OneDnn.dnnl_memory_desc_create_with_strides(
              out, dims.length, Dnn.dims(arena, dims), Dnn.type(type), Dnn.dims(arena, strides));
      Dnn.check(
          status,
          "dnnl_memory_desc_create_with_strides",
          type,
          java.util.Arrays.toString(dims),
          java.util.Arrays.toString(strides));
      return new MemoryDesc(out.get(ValueLayout.ADDRESS, 0));
    }
  }

  /**
   * A layout that the primitive chooses.
   *
   * @param type element type
   * @param dims dimensions
   * @return the descriptor
   */
  public static MemoryDesc any(DType type, long... dims) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(ValueLayout.ADDRESS);
      int status =
          OneDnn.dnnl_memory_desc_create_with_tag(
              out,
              dims.length,
              Dnn.dims(arena, dims),
              Dnn.type(type),
              OneDnn.dnnl_format_tag_any());
      Dnn.check(status, "dnnl_memory_desc_create_with_tag", type, java.util.Arrays.toString(dims));
      return new MemoryDesc(out.get(ValueLayout.ADDRESS, 0));
    }
  }

  static MemoryDesc copyOf(MemorySegment borrowed) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(ValueLayout.ADDRESS);
      Dnn.check(OneDnn.dnnl_memory_desc_clone(out, borrowed), "dnnl_memory_desc_clone");
      return new MemoryDesc(out.get(ValueLayout.ADDRESS, 0));
    }
  }

  /** {@return another descriptor of the same layout, which the caller closes} */
  public MemoryDesc copy() {
    return copyOf(handle());
  }

  MemorySegment handle() {
    if (closed) {
      throw new IllegalStateException("this memory descriptor is closed");
    }
    return handle;
  }

  /** {@return bytes of memory that it describes} */
  public long bytes() {
    return OneDnn.dnnl_memory_desc_get_size(handle());
  }

  /**
   * Whether two descriptors mean the same layout.
   *
   * @param other the other
   * @return true if so
   */
  public boolean sameAs(MemoryDesc other) {
    return OneDnn.dnnl_memory_desc_equal(handle(), other.handle()) != 0;
  }

  /**
   * How a blocked layout cuts its dimensions.
   *
   * @param strides distance in elements between neighbouring blocks, per dimension
   * @param sizes sizes of the inner blocks, outermost first
   * @param dims the dimensions that they are blocks of
   */
  public record Blocking(long[] strides, long[] sizes, long[] dims) {}

  /**
   * The blocking of a layout of dense or blocked memory.
   *
   * @param rank its dimensions
   * @return the blocking; null for a layout of another kind
   */
  public Blocking blocking(int rank) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment count = arena.allocate(ValueLayout.JAVA_INT);
      int status =
          OneDnn.dnnl_memory_desc_query(handle(), OneDnn.dnnl_query_inner_nblks_s32(), count);
      if (status != OneDnn.dnnl_success()) {
        return null;
      }
      int blocks = count.get(ValueLayout.JAVA_INT, 0);
      return new Blocking(
          longs(arena, OneDnn.dnnl_query_strides(), rank),
          longs(arena, OneDnn.dnnl_query_inner_blks(), blocks),
          longs(arena, OneDnn.dnnl_query_inner_idxs(), blocks));
    }
  }

  private long[] longs(Arena arena, int what, int count) {
    if (count == 0) {
      return new long[0];
    }
    MemorySegment out = arena.allocate(ValueLayout.ADDRESS);
    int status = OneDnn.dnnl_memory_desc_query(handle(), what, out);
    Dnn.check(status, "dnnl_memory_desc_query", what);
    return out.get(ValueLayout.ADDRESS, 0).reinterpret(8L * count).toArray(ValueLayout.JAVA_LONG);
  }

  /**
   * A serialised form that tells layouts apart.
   *
   * @return the bytes
   */
  public byte[] blob() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment size = arena.allocate(ValueLayout.JAVA_LONG);
      int status = OneDnn.dnnl_memory_desc_get_blob(MemorySegment.NULL, size, handle());
      Dnn.check(status, "dnnl_memory_desc_get_blob", "size");
      MemorySegment bytes = arena.allocate(size.get(ValueLayout.JAVA_LONG, 0));
      status = OneDnn.dnnl_memory_desc_get_blob(bytes, size, handle());
      Dnn.check(status, "dnnl_memory_desc_get_blob");
      return bytes.toArray(ValueLayout.JAVA_BYTE);
    }
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      Dnn.check(OneDnn.dnnl_memory_desc_destroy(handle), "dnnl_memory_desc_destroy");
    }
  }
}
