package io.github.morseengine.engine.ffi.cudnn;

import io.github.morseengine.bindings.cudnn.Cudnn;
import io.github.morseengine.engine.error.DeviceOutOfMemoryException;
import io.github.morseengine.engine.error.MorseException;
import io.github.morseengine.engine.error.NativeLibraryException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** What cuDNN's statuses mean. Statuses come in categories of a thousand. */
final class CudnnStatus {

  private static final int CATEGORY = 1000;

  /** cuDNN cuts its last message at the size given. */
  private static final int MESSAGE_BYTES = 2048;

  private CudnnStatus() {}

  static void check(int status, String function, Object... arguments) {
    if (status != Cudnn.CUDNN_STATUS_SUCCESS()) {
      throw failure(status, function, arguments);
    }
  }

  /**
   * Whether a status says that cuDNN has no kernel for a legal request: not supported, or a fused
   * kernel that its compiler could not make.
   */
  static boolean unsupported(int status) {
    return status / CATEGORY * CATEGORY == Cudnn.CUDNN_STATUS_NOT_SUPPORTED()
        || status == Cudnn.CUDNN_STATUS_INTERNAL_ERROR_COMPILATION_FAILED();
  }

  static MorseException failure(int status, String function, Object... arguments) {
    StringBuilder text = new StringBuilder("cuDNN: ").append(function).append(" failed with ");
    text.append(name(status)).append(" (").append(status).append(')');
    if (arguments.length > 0) {
      text.append(" for");
      for (Object a : arguments) {
        text.append(' ').append(a);
      }
    }
    String detail = lastMessage();
    if (!detail.isBlank()) {
      text.append(": ").append(detail.strip());
    }
    if (status == Cudnn.CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED()
        || status == Cudnn.CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED()) {
      return new DeviceOutOfMemoryException(text + "; use a smaller batch or size");
    }
    if (status == Cudnn.CUDNN_STATUS_SUBLIBRARY_LOADING_FAILED()
        || status == Cudnn.CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH()) {
      text.append("; the libraries beside libcudnn must be of one and the same version");
    }
    return new NativeLibraryException(text.toString());
  }

  static String name(int status) {
    return Cudnn.cudnnGetErrorString(status).getString(0);
  }

  static String lastMessage() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment text = arena.allocate(MESSAGE_BYTES);
      Cudnn.cudnnGetLastErrorString(text, MESSAGE_BYTES);
      return text.getString(0);
    }
  }
}
