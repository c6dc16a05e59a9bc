package io.github.morseengine.engine.error;

/** The device is in a state that only a restart of the process mends. */
public final class DeviceFatalException extends MorseException {

  private static final long serialVersionUID = 1L;

  /**
   * Creates the exception.
   *
   * @param message what is wrong, where, and what to do
   */
  public DeviceFatalException(String message) {
    super(message, null);
  }

  /**
   * Creates the exception with its cause.
   *
   * @param message what is wrong, where, and what to do
   * @param cause the underlying failure
   */
  public DeviceFatalException(String message, Throwable cause) {
    super(message, cause);
  }
}
