package io.github.morseengine.engine.error;

/**
 * Root of every failure that the engine reports. Messages are one line that says what is wrong,
 * where (file, node, tensor or argument) and what to do.
 */
public abstract sealed class MorseException extends RuntimeException
    permits ModelFormatException,
        UnsupportedOpException,
        ResourceLimitException,
        InvalidInputException,
        DeviceOutOfMemoryException,
        DeviceFatalException,
        NativeLibraryException {

  private static final long serialVersionUID = 1L;

  MorseException(String message, Throwable cause) {
    super(oneLine(message), cause);
  }

  /** Names come from files: their control characters reach neither logs nor terminals. */
  private static String oneLine(String message) {
    return message == null ? null : message.replaceAll("\\p{Cntrl}", "?");
  }
}
