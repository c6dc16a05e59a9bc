package io.github.morseengine.engine.error;

/**
 * A graph uses operators, versions or forms that the engine does not run; the message lists all.
 */
public final class UnsupportedOpException extends MorseException {

  private static final long serialVersionUID = 1L;

  /**
   * Creates the exception.
   *
   * @param message what is wrong, where, and what to do
   */
  public UnsupportedOpException(String message) {
    super(message, null);
  }

  /**
   * Creates the exception with its cause.
   *
   * @param message what is wrong, where, and what to do
   * @param cause the underlying failure
   */
  public UnsupportedOpException(String message, Throwable cause) {
    super(message, cause);
  }
}
