package io.github.morseengine.engine.morse;

/**
 * Which steps of a stochastic sampler draw noise in a run with Dot. How much noise a step draws is
 * free: the deviations of ancestral sampling may be any (Song et al. 2021, arXiv 2010.02502,
 * equation 12), and so may the noise of the reverse-time SDE (arXiv 2011.13456, appendix D.1); with
 * small steps every choice ends at the same distribution. Runs of Dash alone are the same either
 * way.
 */
public enum FreshNoise {
  /** All, whichever model sees the noise next. */
  EVERY_STEP("every"),
  /**
   * Those that lead to a step of Dash, and the last. Dot corrects what Dash said of a sample
   * without that noise, and can tell only in part what it changes; so no noise is drawn before Dot.
   */
  DASH_STEPS("dash");

  private final String label;

  FreshNoise(String label) {
    this.label = label;
  }

  /** {@return the name on the command line and in reports} */
  public String label() {
    return label;
  }
}
