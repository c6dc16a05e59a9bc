package io.github.morseengine.engine.ffi.cuda;

import io.github.morseengine.bindings.cuda.Cuda;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Checked calls on streams and events: order between work of a GPU. */
public final class Streams {

  private Streams() {}

  /**
   * Creates a stream that does not wait for the legacy default stream.
   *
   * @param context the GPU
   * @return its handle
   */
  public static MemorySegment create(CudaContext context) {
    context.enter();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(Cuda.C_POINTER);
      int status = Cuda.cuStreamCreate(out, Cuda.CU_STREAM_NON_BLOCKING());
      if (status != CudaStatus.SUCCESS) {
        throw context.failure(status, "cuStreamCreate", "non-blocking");
      }
      return out.get(Cuda.C_POINTER, 0);
    }
  }

  /**
   * Destroys a stream; what it was given still runs.
   *
   * @param context the GPU
   * @param stream its handle
   */
  public static void destroy(CudaContext context, MemorySegment stream) {
    context.enter();
    int status = Cuda.cuStreamDestroy_v2(stream);
    if (status != CudaStatus.SUCCESS) {
      throw context.failure(status, "cuStreamDestroy_v2", stream);
    }
  }

  /**
   * Waits for all work of a stream; faults of its kernels show here.
   *
   * @param context the GPU
   * @param stream its handle
   */
  public static void synchronize(CudaContext context, MemorySegment stream) {
    context.enter();
    int status = Cuda.cuStreamSynchronize(stream);
    if (status != CudaStatus.SUCCESS) {
      throw context.failure(status, "cuStreamSynchronize", stream);
    }
  }

  /**
   * Tells whether all work of a stream is done, without waiting.
   *
   * @param context the GPU
   * @param stream its handle
   * @return whether it is
   */
  public static boolean idle(CudaContext context, MemorySegment stream) {
    context.enter();
    int status = Cuda.cuStreamQuery(stream);
    if (status != CudaStatus.SUCCESS && status != Cuda.CUDA_ERROR_NOT_READY()) {
      throw context.failure(status, "cuStreamQuery", stream);
    }
    return status == CudaStatus.SUCCESS;
  }

  /**
   * Makes later work of a stream wait for an event.
   *
   * @param context the GPU
   * @param stream the stream's handle
   * @param event the event's handle
   */
  public static void await(CudaContext context, MemorySegment stream, MemorySegment event) {
    context.enter();
    int status = Cuda.cuStreamWaitEvent(stream, event, 0);
    if (status != CudaStatus.SUCCESS) {
      throw context.failure(status, "cuStreamWaitEvent", stream, event);
    }
  }

  /**
   * Creates an event.
   *
   * @param context the GPU
   * @param timing whether it keeps the time; those that do not are cheaper
   * @return its handle
   */
  public static MemorySegment createEvent(CudaContext context, boolean timing) {
    context.enter();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(Cuda.C_POINTER);
      int flags = timing ? Cuda.CU_EVENT_DEFAULT() : Cuda.CU_EVENT_DISABLE_TIMING();
      int status = Cuda.cuEventCreate(out, flags);
      if (status != CudaStatus.SUCCESS) {
        throw context.failure(status, "cuEventCreate", flags);
      }
      return out.get(Cuda.C_POINTER, 0);
    }
  }

  /**
   * Destroys an event.
   *
   * @param context the GPU
   * @param event its handle
   */
  public static void destroyEvent(CudaContext context, MemorySegment event) {
    context.enter();
    int status = Cuda.cuEventDestroy_v2(event);
    if (status != CudaStatus.SUCCESS) {
      throw context.failure(status, "cuEventDestroy_v2", event);
    }
  }

  /**
   * Marks the point that a stream has been given work up to.
   *
   * @param context the GPU
   * @param event the event's handle
   * @param stream the stream's handle
   */
  public static void record(CudaContext context, MemorySegment event, MemorySegment stream) {
    context.enter();
    int status = Cuda.cuEventRecord(event, stream);
    if (status != CudaStatus.SUCCESS) {
      throw context.failure(status, "cuEventRecord", event, stream);
    }
  }

  /**
   * Waits until the marked work is done.
   *
   * @param context the GPU
   * @param event its handle
   */
  public static void synchronizeEvent(CudaContext context, MemorySegment event) {
    context.enter();
    int status = Cuda.cuEventSynchronize(event);
    if (status != CudaStatus.SUCCESS) {
      throw context.failure(status, "cuEventSynchronize", event);
    }
  }

  /**
   * Measures the time between two events.
   *
   * @param context the GPU
   * @param start the earlier event's handle
   * @param end the later event's handle
   * @return milliseconds
   */
  public static float elapsed(CudaContext context, MemorySegment start, MemorySegment end) {
    context.enter();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(ValueLayout.JAVA_FLOAT);
      int status = Cuda.cuEventElapsedTime(out, start, end);
      if (status != CudaStatus.SUCCESS) {
        throw context.failure(status, "cuEventElapsedTime", start, end);
      }
      return out.get(ValueLayout.JAVA_FLOAT, 0);
    }
  }
}
