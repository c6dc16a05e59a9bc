package io.github.morseengine.engine.error;

/** A native library is missing, too old, or refused a call; the message has function and status. */
public final class NativeLibraryException extends MorseException {

  private static final long serialVersionUID = 1L;

  /**
   * Creates the exception.
   *
   * @param message what is wrong, where, and what to do
   */
  public NativeLibraryException(String message) {
    super(message, null);
  }

  /**
   * Creates the exception with its cause.
   *
   * @param message what is wrong, where, and what to do
   * @param cause the underlying failure
   */
  public NativeLibraryException(String message, Throwable cause) {
    super(message, cause);
  }
}
