package io.github.morseengine.engine.device.cuda;

import io.github.morseengine.engine.device.DiskCache;
import io.github.morseengine.engine.error.DeviceFatalException;
import io.github.morseengine.engine.error.DeviceOutOfMemoryException;
import io.github.morseengine.engine.error.NativeLibraryException;
import io.github.morseengine.engine.ffi.cuda.CudaContext;
import io.github.morseengine.engine.ffi.cuda.CudaDriver;
import io.github.morseengine.engine.ffi.cuda.DeviceInfo;
import io.github.morseengine.engine.ffi.cuda.Memory;
import io.github.morseengine.engine.ffi.cuda.Modules;
import io.github.morseengine.engine.ffi.cuda.Streams;
import io.github.morseengine.engine.ffi.nvrtc.RuntimeCompiler;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * An opened GPU. Safe for use by several threads; close is idempotent. What it made (buffers,
 * streams, events, graphs) may outlive the call of close: the GPU is given back with the last of
 * them. Modules go with the device.
 */
public final class CudaDevice implements AutoCloseable {

  /**
   * Freed bytes that the pool keeps instead of giving them back to the system: arenas of usual size
   * come back in microseconds, and those of large models leave the memory to other programs.
   */
  private static final long POOL_KEEPS = 256L << 20;

  private final DeviceInfo info;
  private final String driverVersion;
  private final CudaContext context;
  private final RuntimeCompiler compiler;
  private final String target;
  private final DiskCache images = DiskCache.ofUser("cubins");
  private final Map<String, CudaModule> modules = new ConcurrentHashMap<>();

  /** Orders allocations and frees; all other streams are the users'. */
  private final MemorySegment memoryStream;

  /** The pool's handle; NULL where the GPU has no pools. */
  private final MemorySegment pool;

  private int children;
  private boolean closed;
  private long currentBytes;
  private long peakBytes;

  private CudaDevice(int ordinal) {
    CudaContext.checkUsable(ordinal);
    driverVersion = CudaDriver.open().toString();
    info = CudaDriver.device(ordinal);
    info.requireSupported();
    compiler = new RuntimeCompiler();
    target = compiler.target(info.computeCapability());
    context = new CudaContext(ordinal);
    MemorySegment stream = null;
    try {
      stream = Streams.create(context);
      pool =
          info.memoryPools() ? Memory.createPool(context, ordinal, POOL_KEEPS) : MemorySegment.NULL;
      memoryStream = stream;
    } catch (RuntimeException e) {
      Closing failed = new Closing(e);
      if (stream != null && context.usable()) {
        MemorySegment created = stream;
        failed.run(() -> Streams.destroy(context, created));
      }
      failed.run(context::close);
      throw e;
    }
  }

  /**
   * Opens a GPU: finds driver and NVRTC, checks their versions and the GPU's architecture.
   *
   * @param ordinal its number, from 0, among those that CUDA_VISIBLE_DEVICES leaves
   * @return the device
   * @throws NativeLibraryException if a library is missing or too old, or there is no such GPU or
   *     it is too old; the message says what was found, what is needed and what to do
   * @throws DeviceFatalException if the GPU had a sticky fault earlier in this process
   */
  public static CudaDevice open(int ordinal) {
    return new CudaDevice(ordinal);
  }

  /** {@return the GPU's name} */
  public String name() {
    return info.name();
  }

  /** {@return everything that the driver tells about it} */
  public DeviceInfo info() {
    return info;
  }

  /** {@return the architecture as in sm_90} */
  public int computeCapability() {
    return info.computeCapability();
  }

  /** {@return the number of multiprocessors} */
  public int multiprocessors() {
    return info.multiprocessors();
  }

  /** {@return bytes of device memory} */
  public long totalBytes() {
    return info.totalBytes();
  }

  /** {@return bytes of shared memory that a block may have at most} */
  public long sharedBytesPerBlockOptin() {
    return info.sharedBytesPerBlock();
  }

  /** {@return the newest CUDA that the driver runs, e.g. 13.0} */
  public String driverVersion() {
    return driverVersion;
  }

  /** {@return bytes of device memory that buffers hold now} */
  public synchronized long currentBytes() {
    return currentBytes;
  }

  /** {@return the most bytes that buffers held at once} */
  public synchronized long peakBytes() {
    return peakBytes;
  }

  /**
   * Fails at once if the GPU can no longer be used.
   *
   * @throws DeviceFatalException after a sticky fault, with that fault
   */
  public void checkUsable() {
    context.checkUsable();
  }

  /** {@return whether calls can still succeed; false after a sticky fault} */
  public boolean isUsable() {
    return context.usable();
  }

  /** Makes this GPU the calling thread's, for libraries that take it from there. */
  public void makeCurrent() {
    context.enter();
  }

  /**
   * Waits for all work of this process on the GPU.
   *
   * @throws DeviceFatalException if some of it failed
   */
  public void synchronize() {
    context.synchronize();
  }

  /** {@return a new stream} */
  public CudaStream newStream() {
    hold();
    try {
      return new CudaStream(this);
    } catch (RuntimeException e) {
      letGo();
      throw e;
    }
  }

  /** {@return a new event, which keeps the time} */
  public CudaEvent newEvent() {
    hold();
    try {
      return new CudaEvent(this);
    } catch (RuntimeException e) {
      letGo();
      throw e;
    }
  }

  /** {@return a graph that does what was captured} */
  CudaGraph newGraph(MemorySegment captured) {
    hold();
    try {
      return new CudaGraph(this, captured);
    } catch (RuntimeException e) {
      letGo();
      throw e;
    }
  }

  /**
   * Allocates device memory, aligned to 256 bytes, with whatever content; any stream may use it at
   * once.
   *
   * @param bytes size; 0 is legal
   * @return the buffer
   * @throws DeviceOutOfMemoryException if there is no room; nothing is harmed, and a smaller
   *     request may succeed
   */
  public DeviceBuffer allocate(long bytes) {
    if (bytes < 0) {
      throw new IllegalArgumentException("a buffer of " + bytes + " bytes");
    }
    hold();
    try {
      long address = claim(Math.max(1, bytes));
      if (address == 0) {
        throw outOfMemory(bytes);
      }
      return new DeviceBuffer(this, address, bytes);
    } catch (RuntimeException e) {
      letGo();
      throw e;
    }
  }

  private synchronized long claim(long bytes) {
    long address;
    if (pool.address() == 0) {
      address = Memory.allocate(context, bytes);
    } else {
      address = Memory.allocate(context, pool, memoryStream, bytes);
      if (address == 0) {
        // What the pool keeps may be in pieces that are too small.
        Streams.synchronize(context, memoryStream);
        Memory.trim(context, pool);
        address = Memory.allocate(context, pool, memoryStream, bytes);
      }
      // From here on the memory is everybody's, in whatever stream.
      Streams.synchronize(context, memoryStream);
    }
    if (address != 0) {
      currentBytes += bytes;
      peakBytes = Math.max(peakBytes, currentBytes);
    }
    return address;
  }

  private DeviceOutOfMemoryException outOfMemory(long bytes) {
    Memory.Usage usage = Memory.usage(context);
    return new DeviceOutOfMemoryException(
        "GPU "
            + info.ordinal()
            + " ("
            + info.name()
            + ") has no room for "
            + bytes
            + " bytes: "
            + usage.free()
            + " of "
            + usage.total()
            + " are free, "
            + currentBytes()
            + " are this engine's: use a smaller batch or size, or close other models or programs");
  }

  void free(long address, long bytes) {
    try {
      synchronized (this) {
        long held = Math.max(1, bytes);
        currentBytes -= held;
        if (context.usable()) {
          if (pool.address() == 0) {
            Memory.free(context, address);
          } else {
            Memory.free(context, address, memoryStream);
          }
        }
      }
    } finally {
      letGo();
    }
  }

  /**
   * Allocates page-locked host memory, which the GPU reads and writes while the host goes on.
   *
   * @param bytes size, at least 1
   * @return the buffer
   * @throws DeviceOutOfMemoryException if there is no room
   */
  public PinnedBuffer allocatePinned(long bytes) {
    hold();
    try {
      return new PinnedBuffer(this, bytes);
    } catch (RuntimeException e) {
      letGo();
      throw e;
    }
  }

  /**
   * Compiles a source for this GPU and loads it; what was compiled before, in this process or an
   * earlier one, is taken from memory or disk.
   *
   * @param name what it is called in messages, as attention.cu
   * @param source CUDA C++
   * @param headers text of each header that it includes by name
   * @param options compiler options; the architecture and --std=c++17 are added where they are
   *     missing
   * @return the module; the same one for the same arguments, until the device is closed
   * @throws NativeLibraryException if it does not compile, with options and log
   */
  public CudaModule module(
      String name, String source, Map<String, String> headers, List<String> options) {
    ImageKey wanted = new ImageKey(compiler, name, source, headers, options, target);
    hold();
    try {
      return modules.computeIfAbsent(wanted.hash(), key -> load(wanted));
    } finally {
      letGo();
    }
  }

  private CudaModule load(ImageKey wanted) {
    byte[] stored = images.read(wanted.hash());
    if (stored != null) {
      MemorySegment module = Modules.load(context, wanted.name(), stored);
      if (module.address() != 0) {
        return new CudaModule(this, wanted.name(), module);
      }
    }
    byte[] image = wanted.compile(compiler);
    MemorySegment module = Modules.load(context, wanted.name(), image);
    if (module.address() == 0) {
      throw new NativeLibraryException(
          "the driver "
              + driverVersion
              + " refuses what NVRTC "
              + compiler.build()
              + " made of "
              + wanted.name()
              + " for "
              + info.name()
              + ": install a driver that is as new as NVRTC, or an older NVRTC");
    }
    images.write(wanted.hash(), image);
    return new CudaModule(this, wanted.name(), module);
  }

  CudaContext context() {
    return context;
  }

  /** Counts a child, so that the GPU stays while it lives. */
  private synchronized void hold() {
    if (closed) {
      throw new IllegalStateException("this GPU is closed");
    }
    children++;
  }

  /** Counts a child less; the last one takes a closed device with it. */
  void letGo() {
    boolean last;
    synchronized (this) {
      children--;
      last = closed && children == 0;
    }
    if (last) {
      giveBack();
    }
  }

  @Override
  public void close() {
    boolean last;
    synchronized (this) {
      last = !closed && children == 0;
      closed = true;
    }
    if (last) {
      giveBack();
    }
  }

  private void giveBack() {
    Closing closing = new Closing(null);
    if (context.usable()) {
      for (CudaModule m : modules.values()) {
        closing.run(() -> Modules.unload(context, m.handle()));
      }
      closing.run(() -> Streams.synchronize(context, memoryStream));
      closing.run(() -> Streams.destroy(context, memoryStream));
      if (pool.address() != 0) {
        closing.run(() -> Memory.destroyPool(context, pool));
      }
    }
    closing.run(context::close);
    closing.finish();
  }
}
