package io.github.morseengine.engine.error;

/** A model file, or a file beside it, is damaged, unsafe or contradicts itself. */
public final class ModelFormatException extends MorseException {

  private static final long serialVersionUID = 1L;

  /**
   * Creates the exception.
   *
   * @param message what is wrong, where, and what to do
   */
  public ModelFormatException(String message) {
    super(message, null);
  }

  /**
   * Creates the exception with its cause.
   *
   * @param message what is wrong, where, and what to do
   * @param cause the underlying failure
   */
  public ModelFormatException(String message, Throwable cause) {
    super(message, cause);
  }
}
