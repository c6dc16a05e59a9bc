package io.github.morseengine.engine.ffi.cuda;

import io.github.morseengine.bindings.cuda.Cuda;
import io.github.morseengine.engine.error.DeviceFatalException;
import io.github.morseengine.engine.error.DeviceOutOfMemoryException;
import io.github.morseengine.engine.error.MorseException;
import io.github.morseengine.engine.error.NativeLibraryException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Set;

/** Status codes of the driver, and what they mean for the caller. */
final class CudaStatus {

  /**
   * Codes after which the context answers every call with the same code: its memory is lost and
   * only a new process gets another one.
   */
  private static final Set<Integer> STICKY =
      Set.of(
          Cuda.CUDA_ERROR_ECC_UNCORRECTABLE(),
          Cuda.CUDA_ERROR_NVLINK_UNCORRECTABLE(),
          Cuda.CUDA_ERROR_CONTAINED(),
          Cuda.CUDA_ERROR_ILLEGAL_ADDRESS(),
          Cuda.CUDA_ERROR_LAUNCH_TIMEOUT(),
          Cuda.CUDA_ERROR_CONTEXT_IS_DESTROYED(),
          Cuda.CUDA_ERROR_ASSERT(),
          Cuda.CUDA_ERROR_HARDWARE_STACK_ERROR(),
          Cuda.CUDA_ERROR_ILLEGAL_INSTRUCTION(),
          Cuda.CUDA_ERROR_MISALIGNED_ADDRESS(),
          Cuda.CUDA_ERROR_INVALID_ADDRESS_SPACE(),
          Cuda.CUDA_ERROR_INVALID_PC(),
          Cuda.CUDA_ERROR_LAUNCH_FAILED(),
          Cuda.CUDA_ERROR_TENSOR_MEMORY_LEAK(),
          Cuda.CUDA_ERROR_MPS_CLIENT_TERMINATED());

  static final int SUCCESS = Cuda.CUDA_SUCCESS();

  private CudaStatus() {}

  static boolean sticky(int status) {
    return STICKY.contains(status);
  }

  /** Whether the driver cannot load an image: made for another device, or damaged. */
  static boolean badImage(int status) {
    return status == Cuda.CUDA_ERROR_INVALID_IMAGE()
        || status == Cuda.CUDA_ERROR_NO_BINARY_FOR_GPU()
        || status == Cuda.CUDA_ERROR_INVALID_SOURCE()
        || status == Cuda.CUDA_ERROR_INVALID_PTX()
        || status == Cuda.CUDA_ERROR_UNSUPPORTED_PTX_VERSION();
  }

  /** {@return the failure: function, code's name, the driver's text, the arguments} */
  static MorseException failure(int status, String function, Object... arguments) {
    String text = describe(status, function, arguments);
    if (status == Cuda.CUDA_ERROR_OUT_OF_MEMORY()) {
      return new DeviceOutOfMemoryException(
          text + ": use a smaller batch or size, or close other models");
    }
    if (sticky(status)) {
      return new DeviceFatalException(
          text + ": the device is unusable until this process restarts");
    }
    return new NativeLibraryException(text);
  }

  static String describe(int status, String function, Object... arguments) {
    StringBuilder text = new StringBuilder("CUDA: ").append(function).append('(');
    for (int i = 0; i < arguments.length; i++) {
      text.append(i == 0 ? "" : ", ").append(readable(arguments[i]));
    }
    return text.append(") failed with ")
        .append(name(status))
        .append(" (")
        .append(status)
        .append("): ")
        .append(meaning(status))
        .toString();
  }

  private static String readable(Object argument) {
    return argument instanceof MemorySegment s
        ? "0x" + Long.toHexString(s.address())
        : String.valueOf(argument);
  }

  private static String name(int status) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(Cuda.C_POINTER);
      return Cuda.cuGetErrorName(status, out) == SUCCESS
          ? out.get(Cuda.C_POINTER, 0).getString(0)
          : "an unknown code";
    }
  }

  private static String meaning(int status) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(Cuda.C_POINTER);
      return Cuda.cuGetErrorString(status, out) == SUCCESS
          ? out.get(Cuda.C_POINTER, 0).getString(0)
          : "the driver has no text for it";
    }
  }
}
