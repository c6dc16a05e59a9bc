package io.github.morseengine.engine.morse;

/** What the models estimate. */
public enum Prediction {
  /** The noise: x_t = sqrt(alpha_bar) x_0 + sqrt(1 - alpha_bar) epsilon. */
  EPSILON("epsilon"),
  /** v = sqrt(alpha_bar) epsilon - sqrt(1 - alpha_bar) x_0 (Salimans and Ho 2022). */
  V("v_prediction"),
  /** x_0 itself. */
  SAMPLE("sample");

  private final String key;

  Prediction(String key) {
    this.key = key;
  }

  /** {@return the value of prediction_type in a scheduler_config.json} */
  public String key() {
    return key;
  }
}
