package io.github.morseengine.engine.morse.latent;

import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.morse.GenerateRequest;
import java.awt.image.BufferedImage;
import java.util.List;

/**
 * A picture from a text, or from a text and a picture.
 *
 * @param sampling count, seed, sampler, schedule, guidance; its conditions, sample shape and start
 *     are filled in by the pipeline
 * @param prompts texts that the pictures take in turn, at least one
 * @param negative what not to draw; null for none
 * @param height of the pictures in pixels; 0 for that of {@code image} or of the model
 * @param width of the pictures in pixels; 0 likewise
 * @param image a picture to start from; null for none
 * @param strength how much of the schedule runs where there is an image: 1 keeps next to nothing of
 *     it, 0 is not allowed
 * @param mask white where to draw anew, black where to keep {@code image}; null for none
 */
public record TextRequest(
    GenerateRequest sampling,
    List<String> prompts,
    String negative,
    int height,
    int width,
    BufferedImage image,
    double strength,
    BufferedImage mask) {

  private static final int LARGEST = 16_384;

  /**
   * Checks the ranges.
   *
   * @throws InvalidInputException if a value is out of range
   */
  public TextRequest {
    prompts = List.copyOf(prompts);
    if (prompts.isEmpty()) {
      throw new InvalidInputException("a prompt is needed; it may be empty");
    }
    if (height < 0 || width < 0 || height > LARGEST || width > LARGEST) {
      throw new InvalidInputException(
          "pictures have up to " + LARGEST + " pixels a side, got " + width + "x" + height);
    }
    if (!(strength > 0 && strength <= 1)) {
      throw new InvalidInputException("strength must be above 0 and at most 1, got " + strength);
    }
    if (mask != null && image == null) {
      throw new InvalidInputException("a mask needs the image that it masks");
    }
    if (mask != null
        && (mask.getWidth() != image.getWidth() || mask.getHeight() != image.getHeight())) {
      throw new InvalidInputException(
          "the mask is %dx%d, the image %dx%d: they must be of one size"
              .formatted(mask.getWidth(), mask.getHeight(), image.getWidth(), image.getHeight()));
    }
  }

  /**
   * A picture from a text.
   *
   * @param sampling how to sample
   * @param prompt the text
   * @return the request, in the model's own size
   */
  public static TextRequest of(GenerateRequest sampling, String prompt) {
    return new TextRequest(sampling, List.of(prompt), null, 0, 0, null, 1, null);
  }
}
