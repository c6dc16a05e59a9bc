package io.github.morseengine.engine.ffi.cuda;

import io.github.morseengine.engine.error.NativeLibraryException;

/**
 * What the driver tells about a GPU.
 *
 * @param ordinal its number, from 0
 * @param name its name
 * @param uuid its identity, which outlives renumbering
 * @param major compute capability, first number
 * @param minor compute capability, second number
 * @param multiprocessors number of multiprocessors
 * @param totalBytes device memory
 * @param sharedBytesPerBlock shared memory that a block may ask for beyond the default 48 KiB
 * @param sharedBytesPerMultiprocessor shared memory of a multiprocessor
 * @param registersPerMultiprocessor 32-bit registers of a multiprocessor
 * @param threadsPerMultiprocessor threads that a multiprocessor holds at once
 * @param l2Bytes level-2 cache
 * @param memoryPools whether stream-ordered pools work
 */
public record DeviceInfo(
    int ordinal,
    String name,
    String uuid,
    int major,
    int minor,
    int multiprocessors,
    long totalBytes,
    long sharedBytesPerBlock,
    long sharedBytesPerMultiprocessor,
    int registersPerMultiprocessor,
    int threadsPerMultiprocessor,
    long l2Bytes,
    boolean memoryPools) {

  /** Older GPUs lack what the plain kernels use. */
  private static final int OLDEST = 70;

  /** {@return the compute capability as in sm_90} */
  public int computeCapability() {
    return 10 * major + minor;
  }

  /**
   * Fails if this GPU is too old.
   *
   * @throws NativeLibraryException if so, with what was found and what is needed
   */
  public void requireSupported() {
    if (computeCapability() < OLDEST) {
      throw new NativeLibraryException(
          "GPU "
              + ordinal
              + " ("
              + name
              + ") is sm_"
              + computeCapability()
              + ", needed is sm_"
              + OLDEST
              + " or newer: choose another with CUDA_VISIBLE_DEVICES, or use the backend cpu");
    }
  }
}
