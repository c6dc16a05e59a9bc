package io.github.morseengine.engine.ffi.cublaslt;

import io.github.morseengine.bindings.cublaslt.CublasLt;
import io.github.morseengine.engine.error.DeviceOutOfMemoryException;
import io.github.morseengine.engine.error.MorseException;
import io.github.morseengine.engine.error.NativeLibraryException;
import io.github.morseengine.engine.tensor.DType;

/** What cuBLASLt's statuses mean, and its codes of element types. */
final class LtStatus {

  private LtStatus() {}

  static void check(int status, String function, Object... arguments) {
    if (status != CublasLt.CUBLAS_STATUS_SUCCESS()) {
      throw failure(status, function, arguments);
    }
  }

  /** Whether a status says that there is no kernel for a legal request. */
  static boolean unsupported(int status) {
    return status == CublasLt.CUBLAS_STATUS_NOT_SUPPORTED()
        || status == CublasLt.CUBLAS_STATUS_ARCH_MISMATCH();
  }

  private static MorseException failure(int status, String function, Object... arguments) {
    StringBuilder text = new StringBuilder("cuBLASLt: ").append(function).append(" failed with ");
    text.append(CublasLt.cublasLtGetStatusName(status).getString(0));
    text.append(" (").append(status).append(')');
    if (arguments.length > 0) {
      text.append(" for");
      for (Object a : arguments) {
        text.append(' ').append(a);
      }
    }
    text.append(": ").append(CublasLt.cublasLtGetStatusString(status).getString(0));
    return status == CublasLt.CUBLAS_STATUS_ALLOC_FAILED()
        ? new DeviceOutOfMemoryException(text + "; use a smaller batch or size")
        : new NativeLibraryException(text.toString());
  }

  static int code(DType type) {
    return switch (type) {
      case FLOAT32 -> CublasLt.CUDA_R_32F();
      case FLOAT16 -> CublasLt.CUDA_R_16F();
      case BFLOAT16 -> CublasLt.CUDA_R_16BF();
      default -> throw new NativeLibraryException("products here have no element type " + type);
    };
  }
}
