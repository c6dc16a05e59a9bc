package io.github.morseengine.engine.ffi.cuda;

import io.github.morseengine.bindings.cuda.Cuda;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Checked calls on modules and their kernels. */
public final class Modules {

  /**
   * What the compiler and the driver say about a kernel.
   *
   * @param registers registers per thread
   * @param staticSharedBytes static shared memory per block
   * @param localBytes local memory per thread: spills and stack
   * @param maxThreadsPerBlock largest block that fits
   */
  public record KernelInfo(
      int registers, int staticSharedBytes, int localBytes, int maxThreadsPerBlock) {}

  private Modules() {}

  /**
   * Loads an image.
   *
   * @param context the GPU
   * @param name what it is called in messages
   * @param image a cubin, or PTX with a final NUL
   * @return the module's handle; NULL if the driver cannot use the image: made for another device,
   *     or damaged
   */
  public static MemorySegment load(CudaContext context, String name, byte[] image) {
    context.enter();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(Cuda.C_POINTER);
      // cubins are ELF files, whose headers the driver reads in place
      MemorySegment copy = arena.allocate(image.length, 64);
      MemorySegment.copy(image, 0, copy, ValueLayout.JAVA_BYTE, 0, image.length);
      int status = Cuda.cuModuleLoadData(out, copy);
      if (CudaStatus.badImage(status)) {
        return MemorySegment.NULL;
      }
      if (status != CudaStatus.SUCCESS) {
        throw context.failure(status, "cuModuleLoadData", name, image.length + " bytes");
      }
      return out.get(Cuda.C_POINTER, 0);
    }
  }

  /**
   * Unloads a module.
   *
   * @param context the GPU
   * @param module its handle
   */
  public static void unload(CudaContext context, MemorySegment module) {
    context.enter();
    int status = Cuda.cuModuleUnload(module);
    if (status != CudaStatus.SUCCESS) {
      throw context.failure(status, "cuModuleUnload", module);
    }
  }

  /**
   * Finds a kernel.
   *
   * @param context the GPU
   * @param module the module's handle
   * @param name what the module is called in messages
   * @param entry the kernel's name
   * @return its handle, valid while the module is loaded
   */
  public static MemorySegment kernel(
      CudaContext context, MemorySegment module, String name, String entry) {
    context.enter();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(Cuda.C_POINTER);
      int status = Cuda.cuModuleGetFunction(out, module, arena.allocateFrom(entry));
      if (status != CudaStatus.SUCCESS) {
        throw context.failure(status, "cuModuleGetFunction", name, entry);
      }
      return out.get(Cuda.C_POINTER, 0);
    }
  }

  /**
   * Describes a kernel.
   *
   * @param context the GPU
   * @param kernel its handle
   * @return the description
   */
  public static KernelInfo describe(CudaContext context, MemorySegment kernel) {
    return new KernelInfo(
        attribute(context, kernel, Cuda.CU_FUNC_ATTRIBUTE_NUM_REGS()),
        attribute(context, kernel, Cuda.CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES()),
        attribute(context, kernel, Cuda.CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES()),
        attribute(context, kernel, Cuda.CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK()));
  }

  private static int attribute(CudaContext context, MemorySegment kernel, int attribute) {
    context.enter();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(ValueLayout.JAVA_INT);
      int status = Cuda.cuFuncGetAttribute(out, attribute, kernel);
      if (status != CudaStatus.SUCCESS) {
        throw context.failure(status, "cuFuncGetAttribute", attribute, kernel);
      }
      return out.get(ValueLayout.JAVA_INT, 0);
    }
  }

  /**
   * Lets a kernel's blocks ask for more shared memory than the default 48 KiB.
   *
   * @param context the GPU
   * @param kernel the kernel's handle
   * @param entry the kernel's name
   * @param bytes dynamic shared memory per block
   */
  public static void allowShared(
      CudaContext context, MemorySegment kernel, String entry, int bytes) {
    context.enter();
    int attribute = Cuda.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES();
    int status = Cuda.cuFuncSetAttribute(kernel, attribute, bytes);
    if (status != CudaStatus.SUCCESS) {
      throw context.failure(status, "cuFuncSetAttribute", entry, "dynamic shared memory", bytes);
    }
  }

  /**
   * Tells how many blocks of a kernel a multiprocessor holds at once.
   *
   * @param context the GPU
   * @param kernel the kernel's handle
   * @param threads threads per block
   * @param sharedBytes dynamic shared memory per block
   * @return the number
   */
  public static int blocksPerMultiprocessor(
      CudaContext context, MemorySegment kernel, int threads, int sharedBytes) {
    context.enter();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(ValueLayout.JAVA_INT);
      int status =
          Cuda.cuOccupancyMaxActiveBlocksPerMultiprocessor(out, kernel, threads, sharedBytes);
      if (status != CudaStatus.SUCCESS) {
        throw context.failure(
            status, "cuOccupancyMaxActiveBlocksPerMultiprocessor", kernel, threads, sharedBytes);
      }
      return out.get(ValueLayout.JAVA_INT, 0);
    }
  }

  /**
   * Starts a kernel, in the order of a stream. One downcall beside making the context current;
   * allocates nothing.
   *
   * @param context the GPU
   * @param kernel the kernel's handle
   * @param entry the kernel's name
   * @param gridX blocks
   * @param gridY blocks
   * @param gridZ blocks
   * @param blockX threads
   * @param blockY threads
   * @param blockZ threads
   * @param sharedBytes dynamic shared memory per block
   * @param stream the stream's handle
   * @param arguments array of pointers to the arguments
   */
  public static void launch(
      CudaContext context,
      MemorySegment kernel,
      String entry,
      int gridX,
      int gridY,
      int gridZ,
      int blockX,
      int blockY,
      int blockZ,
      int sharedBytes,
      MemorySegment stream,
      MemorySegment arguments) {
    context.enter();
    int status =
        Cuda.cuLaunchKernel(
            kernel,
            gridX,
            gridY,
            gridZ,
            blockX,
            blockY,
            blockZ,
            sharedBytes,
            stream,
            arguments,
            MemorySegment.NULL);
    if (status != CudaStatus.SUCCESS) {
      throw context.failure(
          status,
          "cuLaunchKernel",
          entry,
          "grid " + gridX + "x" + gridY + "x" + gridZ,
          "block " + blockX + "x" + blockY + "x" + blockZ,
          sharedBytes + " bytes of shared memory");
    }
  }
}
