package io.github.morseengine.engine.ffi.cuda;

import io.github.morseengine.bindings.cuda.CUuuid_st;
import io.github.morseengine.bindings.cuda.Cuda;
import io.github.morseengine.engine.error.NativeLibraryException;
import io.github.morseengine.engine.ffi.CudaLibraries;
import io.github.morseengine.engine.ffi.CudaLibrary;
import io.github.morseengine.engine.ffi.Version;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/** The driver of this process: opened once, asked for its GPUs. Safe for use by several threads. */
public final class CudaDriver {

  private static final int NAME_BYTES = 256;

  private static boolean initialised;

  private CudaDriver() {}

  /**
   * Opens and initialises the driver.
   *
   * @return its version
   * @throws NativeLibraryException if there is no driver, it is too old, or it finds no GPU; the
   *     message says what was looked for, where, and what to install
   */
  public static synchronized Version open() {
    CudaLibraries.Finding driver = CudaLibraries.open(CudaLibrary.DRIVER);
    if (!initialised) {
      int status = Cuda.cuInit(0);
      if (status == Cuda.CUDA_ERROR_NO_DEVICE()) {
        throw new NativeLibraryException(noGpu(driver));
      }
      if (status != CudaStatus.SUCCESS) {
        throw new NativeLibraryException(
            CudaStatus.describe(status, "cuInit", 0)
                + ", by the driver "
                + driver.version()
                + " in '"
                + driver.path()
                + "': check that the kernel module fits it (nvidia-smi), or use the backend cpu");
      }
      initialised = true;
    }
    return driver.version();
  }

  private static String noGpu(CudaLibraries.Finding driver) {
    return "the CUDA driver "
        + driver.version()
        + " in '"
        + driver.path()
        + "' finds no GPU: check nvidia-smi and CUDA_VISIBLE_DEVICES, or use the backend cpu";
  }

  /** {@return the number of GPUs; at least 1} */
  public static int deviceCount() {
    open();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(ValueLayout.JAVA_INT);
      int status = Cuda.cuDeviceGetCount(out);
      if (status != CudaStatus.SUCCESS) {
        throw CudaStatus.failure(status, "cuDeviceGetCount");
      }
      int count = out.get(ValueLayout.JAVA_INT, 0);
      if (count == 0) {
        throw new NativeLibraryException(noGpu(CudaLibraries.open(CudaLibrary.DRIVER)));
      }
      return count;
    }
  }

  /** {@return all GPUs} */
  public static List<DeviceInfo> devices() {
    int count = deviceCount();
    List<DeviceInfo> out = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      out.add(device(i));
    }
    return out;
  }

  /**
   * Describes a GPU.
   *
   * @param ordinal its number, from 0
   * @return the description
   * @throws NativeLibraryException if there is no such GPU
   */
  public static DeviceInfo device(int ordinal) {
    int count = deviceCount();
    if (ordinal < 0 || ordinal >= count) {
      throw new NativeLibraryException(
          "there is no GPU " + ordinal + ": the driver has " + count + ", numbered from 0");
    }
    int device = handle(ordinal);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment name = arena.allocate(NAME_BYTES);
      int status = Cuda.cuDeviceGetName(name, NAME_BYTES, device);
      if (status != CudaStatus.SUCCESS) {
        throw CudaStatus.failure(status, "cuDeviceGetName", ordinal);
      }
      MemorySegment bytes = arena.allocate(ValueLayout.JAVA_LONG);
      status = Cuda.cuDeviceTotalMem_v2(bytes, device);
      if (status != CudaStatus.SUCCESS) {
        throw CudaStatus.failure(status, "cuDeviceTotalMem_v2", ordinal);
      }
      MemorySegment uuid = CUuuid_st.allocate(arena);
      status = Cuda.cuDeviceGetUuid_v2(uuid, device);
      if (status != CudaStatus.SUCCESS) {
        throw CudaStatus.failure(status, "cuDeviceGetUuid_v2", ordinal);
      }
      return new DeviceInfo(
          ordinal,
          name.getString(0),
          HexFormat.of().formatHex(uuid.toArray(ValueLayout.JAVA_BYTE)),
          attribute(Cuda.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR(), device),
          attribute(Cuda.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR(), device),
          attribute(Cuda.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT(), device),
          bytes.get(ValueLayout.JAVA_LONG, 0),
          attribute(Cuda.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN(), device),
          attribute(Cuda.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR(), device),
          attribute(Cuda.CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR(), device),
          attribute(Cuda.CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR(), device),
          attribute(Cuda.CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE(), device),
          attribute(Cuda.CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED(), device) != 0);
    }
  }

  static int handle(int ordinal) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(ValueLayout.JAVA_INT);
      int status = Cuda.cuDeviceGet(out, ordinal);
      if (status != CudaStatus.SUCCESS) {
        throw CudaStatus.failure(status, "cuDeviceGet", ordinal);
      }
      return out.get(ValueLayout.JAVA_INT, 0);
    }
  }

  private static int attribute(int attribute, int device) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(ValueLayout.JAVA_INT);
      int status = Cuda.cuDeviceGetAttribute(out, attribute, device);
      if (status != CudaStatus.SUCCESS) {
        throw CudaStatus.failure(status, "cuDeviceGetAttribute", attribute, device);
      }
      return out.get(ValueLayout.JAVA_INT, 0);
    }
  }
}
