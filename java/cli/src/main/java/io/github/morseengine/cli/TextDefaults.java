package io.github.morseengine.cli;

import io.github.morseengine.engine.morse.latent.DiffusersFolder;

/**
 * What a request means that does not say it.
 *
 * @param count pictures
 * @param sampler name of a sampler
 * @param dash steps of Dash where there are none of Dot
 * @param guidance scale of guidance
 */
record TextDefaults(int count, String sampler, int dash, double guidance) {

  /** For models that read no text. */
  static final TextDefaults NO_TEXT = new TextDefaults(16, "ddim", 10, 1);

  private static final int STEPS = 25;
  private static final double GUIDANCE = 7.5;
  private static final double GUIDANCE_XL = 5;
  private static final double GUIDANCE_3 = 7;
  private static final double GUIDANCE_DIT = 4;
  private static final int STEPS_LCM = 4;
  private static final double GUIDANCE_LCM = 8.5;

  /**
   * What DiTPipeline of diffusers does, in half its steps.
   *
   * @param labels how many were asked for: a picture of each, up to as many as other models draw
   */
  static TextDefaults labelled(DiffusersFolder folder, int labels) {
    int count = Math.clamp(labels, 1, NO_TEXT.count());
    return new TextDefaults(count, folder.models().scheduler().sampler(), STEPS, GUIDANCE_DIT);
  }

  /** What diffusers' pipeline of that kind does. */
  static TextDefaults of(DiffusersFolder folder, boolean embedsGuidance) {
    if (embedsGuidance) {
      return new TextDefaults(1, "lcm", STEPS_LCM, GUIDANCE_LCM);
    }
    double guidance =
        switch (folder.kind()) {
          case STABLE_DIFFUSION_XL -> GUIDANCE_XL;
          case STABLE_DIFFUSION_3 -> GUIDANCE_3;
          default -> GUIDANCE;
        };
    return new TextDefaults(1, folder.models().scheduler().sampler(), STEPS, guidance);
  }
}
