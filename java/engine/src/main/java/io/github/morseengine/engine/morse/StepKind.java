package io.github.morseengine.engine.morse;

/** Which model speaks at a step. */
public enum StepKind {
  /** The pre-trained model. */
  DASH,
  /** The fast model: residual feedback on Dash's latest estimate. */
  DOT;

  /** {@return the name in reports} */
  public String label() {
    return this == DASH ? "dash" : "dot";
  }
}
