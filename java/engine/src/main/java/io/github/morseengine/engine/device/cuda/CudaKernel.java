package io.github.morseengine.engine.device.cuda;

import io.github.morseengine.engine.ffi.cuda.Modules;
import java.lang.foreign.MemorySegment;

/** A kernel of a loaded module; lives as long as its device. Safe for use by several threads. */
public final class CudaKernel {

  /** Dynamic shared memory that a block may have without asking. */
  private static final int DEFAULT_SHARED = 48 << 10;

  private static final int MAX_GRID_YZ = 65_535;

  private final CudaDevice device;
  private final String entry;
  private final MemorySegment handle;
  private final Modules.KernelInfo info;
  private int allowedShared = DEFAULT_SHARED;

  CudaKernel(CudaDevice device, String entry, MemorySegment handle) {
    this.device = device;
    this.entry = entry;
    this.handle = handle;
    this.info = Modules.describe(device.context(), handle);
  }

  MemorySegment handle() {
    return handle;
  }

  /** {@return its name} */
  public String entry() {
    return entry;
  }

  /** {@return registers per thread} */
  public int registers() {
    return info.registers();
  }

  /** {@return bytes of static shared memory per block} */
  public int staticSharedBytes() {
    return info.staticSharedBytes();
  }

  /** {@return bytes of local memory per thread, spills among them} */
  public int localBytes() {
    return info.localBytes();
  }

  /** {@return bytes of dynamic shared memory that a block may have at most} */
  public int maxDynamicSharedBytes() {
    return (int) device.sharedBytesPerBlockOptin() - info.staticSharedBytes();
  }

  /**
   * Tells how many blocks a multiprocessor holds at once.
   *
   * @param threads threads per block
   * @param sharedBytes dynamic shared memory per block
   * @return the number
   */
  public int blocksPerMultiprocessor(int threads, int sharedBytes) {
    allowShared(sharedBytes);
    return Modules.blocksPerMultiprocessor(device.context(), handle, threads, sharedBytes);
  }

  /**
   * Prepares a launch: checks it against the limits, so that what remains is one downcall.
   *
   * @param gridX blocks, at least 1
   * @param gridY blocks, 1 to 65535
   * @param gridZ blocks, 1 to 65535
   * @param blockX threads, at least 1
   * @param blockY threads, at least 1
   * @param blockZ threads, at least 1
   * @param sharedBytes dynamic shared memory per block
   * @param arguments the arguments, in the order of the kernel's parameters
   * @return the launch
   */
  public KernelLaunch launch(
      int gridX,
      int gridY,
      int gridZ,
      int blockX,
      int blockY,
      int blockZ,
      int sharedBytes,
      KernelArguments arguments) {
    long threads = (long) blockX * blockY * blockZ;
    if (Math.min(gridX, Math.min(gridY, gridZ)) < 1
        || Math.max(gridY, gridZ) > MAX_GRID_YZ
        || Math.min(blockX, Math.min(blockY, blockZ)) < 1
        || threads > info.maxThreadsPerBlock()
        || sharedBytes < 0
        || sharedBytes > maxDynamicSharedBytes()) {
      throw new IllegalArgumentException(
          String.format(
              "%s cannot run as a grid of %dx%dx%d blocks of %dx%dx%d threads with %d bytes of"
                  + " shared memory: a block has at most %d threads and %d bytes, y and z at most"
                  + " %d blocks",
              entry,
              gridX,
              gridY,
              gridZ,
              blockX,
              blockY,
              blockZ,
              sharedBytes,
              info.maxThreadsPerBlock(),
              maxDynamicSharedBytes(),
              MAX_GRID_YZ));
    }
    allowShared(sharedBytes);
    return new KernelLaunch(
        this, gridX, gridY, gridZ, blockX, blockY, blockZ, sharedBytes, arguments);
  }

  private synchronized void allowShared(int bytes) {
    if (bytes > allowedShared) {
      Modules.allowShared(device.context(), handle, entry, bytes);
      allowedShared = bytes;
    }
  }
}
