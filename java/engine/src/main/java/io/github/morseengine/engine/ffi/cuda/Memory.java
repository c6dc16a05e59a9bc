package io.github.morseengine.engine.ffi.cuda;

import io.github.morseengine.bindings.cuda.CUmemLocation_st;
import io.github.morseengine.bindings.cuda.CUmemPoolProps_st;
import io.github.morseengine.bindings.cuda.Cuda;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Checked calls on memory: pools, device memory, pinned host memory, copies, fills. */
public final class Memory {

  /**
   * Bytes.
   *
   * @param free bytes that the GPU has free
   * @param total bytes that it has
   */
  public record Usage(long free, long total) {}

  private Memory() {}

  /**
   * Creates a stream-ordered pool.
   *
   * @param context the GPU
   * @param ordinal the GPU's number
   * @param keep bytes that it keeps when they are freed instead of giving them back to the system
   * @return its handle
   */
  public static MemorySegment createPool(CudaContext context, int ordinal, long keep) {
    context.enter();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment properties = CUmemPoolProps_st.allocate(arena);
      CUmemPoolProps_st.allocType(properties, Cuda.CU_MEM_ALLOCATION_TYPE_PINNED());
      CUmemPoolProps_st.handleTypes(properties, Cuda.CU_MEM_HANDLE_TYPE_NONE());
      MemorySegment location = CUmemPoolProps_st.location(properties);
      CUmemLocation_st.type(location, Cuda.CU_MEM_LOCATION_TYPE_DEVICE());
      CUmemLocation_st.id(location, ordinal);
      MemorySegment out = arena.allocate(Cuda.C_POINTER);
      int status = Cuda.cuMemPoolCreate(out, properties);
      if (status != CudaStatus.SUCCESS) {
        throw context.failure(status, "cuMemPoolCreate", "device " + ordinal);
      }
      MemorySegment pool = out.get(Cuda.C_POINTER, 0);
      MemorySegment value = arena.allocateFrom(ValueLayout.JAVA_LONG, keep);
      status = Cuda.cuMemPoolSetAttribute(pool, Cuda.CU_MEMPOOL_ATTR_RELEASE_THRESHOLD(), value);
      if (status != CudaStatus.SUCCESS) {
        Cuda.cuMemPoolDestroy(pool);
        throw context.failure(status, "cuMemPoolSetAttribute", "release threshold", keep);
      }
      return pool;
    }
  }

  /**
   * Destroys a pool whose memory has been freed.
   *
   * @param context the GPU
   * @param pool its handle
   */
  public static void destroyPool(CudaContext context, MemorySegment pool) {
    context.enter();
    int status = Cuda.cuMemPoolDestroy(pool);
    if (status != CudaStatus.SUCCESS) {
      throw context.failure(status, "cuMemPoolDestroy", pool);
    }
  }

  /**
   * Gives a pool's unused memory back to the system.
   *
   * @param context the GPU
   * @param pool its handle
   */
  public static void trim(CudaContext context, MemorySegment pool) {
    context.enter();
    int status = Cuda.cuMemPoolTrimTo(pool, 0);
    if (status != CudaStatus.SUCCESS) {
      throw context.failure(status, "cuMemPoolTrimTo", pool);
    }
  }

  /**
   * Allocates device memory out of a pool, in the order of a stream.
   *
   * @param context the GPU
   * @param pool the pool's handle
   * @param stream the stream's handle
   * @param bytes size, at least 1
   * @return the address; 0 if there is no memory left, which harms nothing
   */
  public static long allocate(
      CudaContext context, MemorySegment pool, MemorySegment stream, long bytes) {
    context.enter();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(ValueLayout.JAVA_LONG);
      int status = Cuda.cuMemAllocFromPoolAsync(out, bytes, pool, stream);
      if (status == Cuda.CUDA_ERROR_OUT_OF_MEMORY()) {
        return 0;
      }
      if (status != CudaStatus.SUCCESS) {
        throw context.failure(status, "cuMemAllocFromPoolAsync", bytes, pool, stream);
      }
      return out.get(ValueLayout.JAVA_LONG, 0);
    }
  }

  /**
   * Frees memory of a pool, in the order of a stream.
   *
   * @param context the GPU
   * @param address the address
   * @param stream the stream's handle
   */
  public static void free(CudaContext context, long address, MemorySegment stream) {
    context.enter();
    int status = Cuda.cuMemFreeAsync(address, stream);
    if (status != CudaStatus.SUCCESS) {
      throw context.failure(status, "cuMemFreeAsync", hex(address), stream);
    }
  }

  /**
   * Allocates device memory of a GPU that has no pools.
   *
   * @param context the GPU
   * @param bytes size, at least 1
   * @return the address; 0 if there is no memory left, which harms nothing
   */
  public static long allocate(CudaContext context, long bytes) {
    context.enter();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(ValueLayout.JAVA_LONG);
      int status = Cuda.cuMemAlloc_v2(out, bytes);
      if (status == Cuda.CUDA_ERROR_OUT_OF_MEMORY()) {
        return 0;
      }
      if (status != CudaStatus.SUCCESS) {
        throw context.failure(status, "cuMemAlloc_v2", bytes);
      }
      return out.get(ValueLayout.JAVA_LONG, 0);
    }
  }

  /**
   * Frees device memory of a GPU that has no pools.
   *
   * @param context the GPU
   * @param address the address
   */
  public static void free(CudaContext context, long address) {
    context.enter();
    int status = Cuda.cuMemFree_v2(address);
    if (status != CudaStatus.SUCCESS) {
      throw context.failure(status, "cuMemFree_v2", hex(address));
    }
  }

  /**
   * Tells how much device memory there is.
   *
   * @param context the GPU
   * @return free and total bytes
   */
  public static Usage usage(CudaContext context) {
    context.enter();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment free = arena.allocate(ValueLayout.JAVA_LONG);
      MemorySegment total = arena.allocate(ValueLayout.JAVA_LONG);
      int status = Cuda.cuMemGetInfo_v2(free, total);
      if (status != CudaStatus.SUCCESS) {
        throw context.failure(status, "cuMemGetInfo_v2");
      }
      return new Usage(free.get(ValueLayout.JAVA_LONG, 0), total.get(ValueLayout.JAVA_LONG, 0));
    }
  }

  /**
   * Allocates page-locked host memory, which copies of every context read and write directly.
   *
   * @param context the GPU
   * @param bytes size, at least 1
   * @return its address
   */
  public static MemorySegment allocatePinned(CudaContext context, long bytes) {
    context.enter();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(Cuda.C_POINTER);
      int status = Cuda.cuMemHostAlloc(out, bytes, Cuda.CU_MEMHOSTALLOC_PORTABLE());
      if (status != CudaStatus.SUCCESS) {
        throw context.failure(status, "cuMemHostAlloc", bytes + " bytes of pinned host memory");
      }
      return out.get(ValueLayout.ADDRESS, 0);
    }
  }

  /**
   * Frees page-locked host memory.
   *
   * @param context the GPU
   * @param pinned its address
   */
  public static void freePinned(CudaContext context, MemorySegment pinned) {
    context.enter();
    int status = Cuda.cuMemFreeHost(pinned);
    if (status != CudaStatus.SUCCESS) {
      throw context.failure(status, "cuMemFreeHost", pinned);
    }
  }

  /**
   * Copies from the host, in the order of a stream.
   *
   * @param context the GPU
   * @param target device address
   * @param source host memory, pinned for the copy to run beside the host
   * @param bytes how many
   * @param stream the stream's handle
   */
  public static void toDevice(
      CudaContext context, long target, MemorySegment source, long bytes, MemorySegment stream) {
    context.enter();
    int status = Cuda.cuMemcpyHtoDAsync_v2(target, source, bytes, stream);
    if (status != CudaStatus.SUCCESS) {
      throw context.failure(status, "cuMemcpyHtoDAsync_v2", hex(target), source, bytes, stream);
    }
  }

  /**
   * Copies to the host, in the order of a stream.
   *
   * @param context the GPU
   * @param target host memory, pinned for the copy to run beside the host
   * @param source device address
   * @param bytes how many
   * @param stream the stream's handle
   */
  public static void toHost(
      CudaContext context, MemorySegment target, long source, long bytes, MemorySegment stream) {
    context.enter();
    int status = Cuda.cuMemcpyDtoHAsync_v2(target, source, bytes, stream);
    if (status != CudaStatus.SUCCESS) {
      throw context.failure(status, "cuMemcpyDtoHAsync_v2", target, hex(source), bytes, stream);
    }
  }

  /**
   * Copies within the device, in the order of a stream.
   *
   * @param context the GPU
   * @param target device address
   * @param source device address
   * @param bytes how many
   * @param stream the stream's handle
   */
  public static void copy(
      CudaContext context, long target, long source, long bytes, MemorySegment stream) {
    context.enter();
    int status = Cuda.cuMemcpyDtoDAsync_v2(target, source, bytes, stream);
    if (status != CudaStatus.SUCCESS) {
      throw context.failure(
          status, "cuMemcpyDtoDAsync_v2", hex(target), hex(source), bytes, stream);
    }
  }

  /**
   * Fills device memory, in the order of a stream.
   *
   * @param context the GPU
   * @param target device address
   * @param value each byte
   * @param bytes how many
   * @param stream the stream's handle
   */
  public static void fill(
      CudaContext context, long target, byte value, long bytes, MemorySegment stream) {
    context.enter();
    int status = Cuda.cuMemsetD8Async(target, value, bytes, stream);
    if (status != CudaStatus.SUCCESS) {
      throw context.failure(status, "cuMemsetD8Async", hex(target), value, bytes, stream);
    }
  }

  private static String hex(long address) {
    return "0x" + Long.toHexString(address);
  }
}
