package io.github.morseengine.engine.error;

/** The device has no memory left for this request; a smaller one may succeed. */
public final class DeviceOutOfMemoryException extends MorseException {

  private static final long serialVersionUID = 1L;

  /**
   * Creates the exception.
   *
   * @param message what is wrong, where, and what to do
   */
  public DeviceOutOfMemoryException(String message) {
    super(message, null);
  }

  /**
   * Creates the exception with its cause.
   *
   * @param message what is wrong, where, and what to do
   * @param cause the underlying failure
   */
  public DeviceOutOfMemoryException(String message, Throwable cause) {
    super(message, cause);
  }
}
