package io.github.morseengine.engine.device.cuda;

import io.github.morseengine.engine.ffi.cuda.Modules;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Compiled and loaded code; lives as long as its device. Safe for use by several threads. */
public final class CudaModule {

  private final CudaDevice device;
  private final String name;
  private final MemorySegment handle;
  private final Map<String, CudaKernel> kernels = new ConcurrentHashMap<>();

  CudaModule(CudaDevice device, String name, MemorySegment handle) {
    this.device = device;
    this.name = name;
    this.handle = handle;
  }

  MemorySegment handle() {
    return handle;
  }

  /**
   * Finds a kernel.
   *
   * @param entry its name
   * @return the kernel
   */
  public CudaKernel kernel(String entry) {
    return kernels.computeIfAbsent(
        entry,
        e -> {
          MemorySegment kernel = Modules.kernel(device.context(), handle, name, e);
          return new CudaKernel(device, e, kernel);
        });
  }
}
