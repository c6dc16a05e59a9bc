package io.github.morseengine.tests.latent;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.morse.GenerateRequest;
import io.github.morseengine.engine.morse.Images;
import io.github.morseengine.engine.morse.latent.DiffusersFolder;
import io.github.morseengine.engine.morse.latent.LabelPipeline;
import io.github.morseengine.engine.morse.latent.TextPipeline;
import io.github.morseengine.engine.morse.latent.TextRequest;
import io.github.morseengine.engine.morse.latent.TextResult;
import io.github.morseengine.engine.tensor.Npy;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.tests.support.Fixtures;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Properties;
import java.util.stream.Stream;
import javax.imageio.ImageIO;

/** Runs of diffusers' pipelines that the folders of make_pipelines.py hold, drawn again. */
public final class PipelineGoldens {

  private static final List<String> PROMPTS =
      List.of("a photo of a cat", "北京市 castle, highly detailed");

  /**
   * Levels of 255. Latents agree to float32 rounding (see below); the decoder and the rounding to
   * whole levels add at most one level where a value lies between two, and one more is spare.
   */
  private static final int LEVELS = 2;

  /**
   * Latents: 1e-3 of values around 1, which is what five guided steps make of rounding (1e-6 of an
   * estimate, times the guidance, times the steps' sensitivity of up to some hundreds at the last
   * steps of an untrained model).
   */
  private static final double LATENTS = 1e-3;

  private PipelineGoldens() {}

  /**
   * The runs of some folders.
   *
   * @param folder where they are
   * @param kinds their names
   * @return one folder per run
   */
  public static Stream<Path> of(Path folder, String... kinds) {
    return Stream.of(kinds)
        .flatMap(kind -> Fixtures.list(folder.resolve(kind).resolve("golden")).stream())
        .filter(Files::isDirectory);
  }

  /**
   * Draws a run and compares latents and pictures.
   *
   * @param engine of full precision
   * @param golden the run
   * @throws IOException if a file of it can't be read
   */
  public static void check(Engine engine, Path golden) throws IOException {
    Path kind = golden.getParent().getParent();
    Tensor wanted = Npy.read(golden.resolve("picture.npy"));
    try (TextPipeline pipeline = TextPipeline.open(engine, DiffusersFolder.open(kind))) {
      TextResult result = pipeline.generate(request(golden, wanted), (done, total) -> {});
      compareLatents(result.sampling().latents(), golden);
      compare(wanted, result.pictures(), golden);
    }
  }

  /**
   * The same for models that read labels.
   *
   * @param engine of full precision
   * @param golden the run
   */
  public static void checkLabels(Engine engine, Path golden) {
    Path kind = golden.getParent().getParent();
    Properties asked = Fixtures.properties(golden.resolve("request.properties"));
    List<String> labels = List.of(asked.getProperty("labels").split(","));
    GenerateRequest request = sampling(asked, golden).count(labels.size()).labels(labels).build();
    try (LabelPipeline pipeline = LabelPipeline.open(engine, DiffusersFolder.open(kind))) {
      LabelPipeline.Result result = pipeline.generate(request, (done, total) -> {});
      compareLatents(result.sampling().latents(), golden);
      compare(Npy.read(golden.resolve("picture.npy")), result.pictures(), golden);
    }
  }

  private static void compareLatents(Tensor given, Path golden) {
    Tensor latents = Npy.read(golden.resolve("latents.npy"));
    assertArrayEquals(latents.shape(), given.shape());
    double worst = 0;
    for (long i = 0; i < latents.elements(); i++) {
      double v = latents.getDouble(i);
      double error = Math.abs(v - given.getDouble(i));
      worst = Math.max(worst, error / (1 + Math.abs(v)));
    }
    assertTrue(worst < LATENTS, golden + ": latents differ by " + worst);
  }

  private static GenerateRequest.Builder sampling(Properties asked, Path golden) {
    Path stepNoise = golden.resolve("step_noise.npy");
    return GenerateRequest.builder()
        .sampler(asked.getProperty("sampler"))
        .dash(Integer.parseInt(asked.getProperty("steps")))
        .dot(Integer.parseInt(asked.getProperty("dot", "0")))
        .guidance(Double.parseDouble(asked.getProperty("guidance")))
        .batch(Integer.parseInt(asked.getProperty("batch", "0")))
        .noise(Npy.read(golden.resolve("noise.npy")))
        .stepNoise(Files.exists(stepNoise) ? Npy.read(stepNoise) : null)
        .checkFinite(true);
  }

  private static TextRequest request(Path golden, Tensor wanted) throws IOException {
    Properties asked = Fixtures.properties(golden.resolve("request.properties"));
    int count = Integer.parseInt(asked.getProperty("count", "2"));
    GenerateRequest sampling = sampling(asked, golden).count(count).build();
    return new TextRequest(
        sampling,
        PROMPTS.subList(0, count),
        asked.getProperty("negative"),
        (int) wanted.dim(1),
        (int) wanted.dim(2),
        picture(golden, asked.getProperty("image")),
        Double.parseDouble(asked.getProperty("strength", "1")),
        picture(golden, asked.getProperty("mask")));
  }

  private static BufferedImage picture(Path golden, String name) throws IOException {
    return name == null ? null : ImageIO.read(golden.resolveSibling(name).toFile());
  }

  /**
   * Asserts that pictures are as expected.
   *
   * @param wanted uint8 [N, H, W, 3]
   * @param pictures float32 [N, C, H, W] in [-1, 1]
   * @param golden for the message
   */
  static void compare(Tensor wanted, Tensor pictures, Path golden) {
    for (int n = 0; n < wanted.dim(0); n++) {
      BufferedImage image = Images.image(pictures, n);
      assertEquals(wanted.dim(1), image.getHeight());
      assertEquals(wanted.dim(2), image.getWidth());
      for (int y = 0; y < image.getHeight(); y++) {
        for (int x = 0; x < image.getWidth(); x++) {
          for (int c = 0; c < 3; c++) {
            int level = image.getRGB(x, y) >> 16 - 8 * c & 0xFF;
            long at = ((n * wanted.dim(1) + y) * wanted.dim(2) + x) * 3 + c;
            int place = x + y * image.getWidth();
            assertTrue(
                Math.abs(level - wanted.getLong(at)) <= LEVELS,
                () -> golden + ": pixel " + place + " is " + level + ", not " + wanted.getLong(at));
          }
        }
      }
    }
  }
}
