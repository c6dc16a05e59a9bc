package io.github.morseengine.engine.error;

/** A model or request would need more memory, time or nesting than is allowed. */
public final class ResourceLimitException extends MorseException {

  private static final long serialVersionUID = 1L;

  /**
   * Creates the exception.
   *
   * @param message what is wrong, where, and what to do
   */
  public ResourceLimitException(String message) {
    super(message, null);
  }

  /**
   * Creates the exception with its cause.
   *
   * @param message what is wrong, where, and what to do
   * @param cause the underlying failure
   */
  public ResourceLimitException(String message, Throwable cause) {
    super(message, cause);
  }
}
