package io.github.morseengine.engine.ffi.cuda;

import io.github.morseengine.bindings.cuda.Cuda;
import io.github.morseengine.engine.error.DeviceFatalException;
import io.github.morseengine.engine.error.MorseException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A reference to the primary context of a GPU, which all users of the process share. A sticky fault
 * poisons the GPU for the whole process: the driver would go on to answer every call with it. Safe
 * for use by several threads; close is idempotent.
 */
public final class CudaContext implements AutoCloseable {

  /** The first sticky fault of each GPU; there is no way back from one within a process. */
  private static final Map<Integer, String> FAULTS = new ConcurrentHashMap<>();

  private final int ordinal;
  private final int device;
  private final MemorySegment handle;
  private volatile boolean closed;

  /**
   * Retains the context of a GPU.
   *
   * @param ordinal its number, from 0
   */
  public CudaContext(int ordinal) {
    checkUsable(ordinal);
    CudaDriver.open();
    this.ordinal = ordinal;
    this.device = CudaDriver.handle(ordinal);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(Cuda.C_POINTER);
      int status = Cuda.cuDevicePrimaryCtxRetain(out, device);
      if (status != CudaStatus.SUCCESS) {
        throw CudaStatus.failure(status, "cuDevicePrimaryCtxRetain", ordinal);
      }
      handle = out.get(Cuda.C_POINTER, 0);
    }
  }

  /**
   * Fails if a sticky fault has happened on this GPU.
   *
   * @throws DeviceFatalException if so, with the first fault
   */
  public void checkUsable() {
    checkUsable(ordinal);
  }

  /**
   * Fails if a sticky fault has happened on a GPU.
   *
   * @param ordinal its number, from 0
   * @throws DeviceFatalException if so, with the first fault
   */
  public static void checkUsable(int ordinal) {
    String fault = FAULTS.get(ordinal);
    if (fault != null) {
      throw new DeviceFatalException(
          "GPU " + ordinal + " failed earlier and needs a restart of this process: " + fault);
    }
  }

  /** {@return whether calls can still succeed: open and not poisoned} */
  public boolean usable() {
    return !closed && !FAULTS.containsKey(ordinal);
  }

  /**
   * Makes this context the calling thread's: the first thing in every call, so that callers need no
   * thread of their own.
   */
  public void enter() {
    if (closed) {
      throw new IllegalStateException("this GPU's context is closed");
    }
    if (!FAULTS.isEmpty()) {
      checkUsable(ordinal);
    }
    int status = Cuda.cuCtxSetCurrent(handle);
    if (status != CudaStatus.SUCCESS) {
      throw failure(status, "cuCtxSetCurrent", handle);
    }
  }

  /** {@return the failure to throw; a sticky one poisons the GPU} */
  MorseException failure(int status, String function, Object... arguments) {
    if (CudaStatus.sticky(status)) {
      FAULTS.putIfAbsent(ordinal, CudaStatus.describe(status, function, arguments));
    }
    return CudaStatus.failure(status, function, arguments);
  }

  /** Waits for all work of the GPU that this process gave it. */
  public void synchronize() {
    enter();
    int status = Cuda.cuCtxSynchronize();
    if (status != CudaStatus.SUCCESS) {
      throw failure(status, "cuCtxSynchronize");
    }
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      int status = Cuda.cuDevicePrimaryCtxRelease_v2(device);
      if (status != CudaStatus.SUCCESS && !FAULTS.containsKey(ordinal)) {
        throw failure(status, "cuDevicePrimaryCtxRelease_v2", ordinal);
      }
    }
  }
}
