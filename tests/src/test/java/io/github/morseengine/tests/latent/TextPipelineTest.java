package io.github.morseengine.tests.latent;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.backend.Precision;
import io.github.morseengine.engine.morse.GenerateRequest;
import io.github.morseengine.engine.morse.Images;
import io.github.morseengine.engine.morse.ModelDirectory;
import io.github.morseengine.engine.morse.MorsePipeline;
import io.github.morseengine.engine.morse.latent.DiffusersFolder;
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
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Whole pipelines of exported folders against the pictures that diffusers draws. */
class TextPipelineTest {

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

  @TempDir static Path folder;

  @BeforeAll
  static void unpack() {
    Fixtures.unpack("pipelines.zip", folder);
  }

  static Stream<Path> goldens() {
    return Stream.of("sd1", "sd2", "sdxl", "lcm", "morse")
        .flatMap(kind -> Fixtures.list(folder.resolve(kind).resolve("golden")).stream())
        .filter(Files::isDirectory);
  }

  @ParameterizedTest
  @MethodSource("goldens")
  void picturesAreThoseOfDiffusers(Path golden) throws IOException {
    Properties asked = Fixtures.properties(golden.resolve("request.properties"));
    Path kind = golden.getParent().getParent();
    Path stepNoise = golden.resolve("step_noise.npy");
    int count = Integer.parseInt(asked.getProperty("count", "2"));
    GenerateRequest sampling =
        GenerateRequest.builder()
            .count(count)
            .sampler(asked.getProperty("sampler"))
            .dash(Integer.parseInt(asked.getProperty("steps")))
            .dot(Integer.parseInt(asked.getProperty("dot", "0")))
            .guidance(Double.parseDouble(asked.getProperty("guidance")))
            .noise(Npy.read(golden.resolve("noise.npy")))
            .stepNoise(Files.exists(stepNoise) ? Npy.read(stepNoise) : null)
            .checkFinite(true)
            .build();
    Tensor wanted = Npy.read(golden.resolve("picture.npy"));
    TextRequest request =
        new TextRequest(
            sampling,
            PROMPTS.subList(0, count),
            asked.getProperty("negative"),
            (int) wanted.dim(1),
            (int) wanted.dim(2),
            picture(golden, asked.getProperty("image")),
            Double.parseDouble(asked.getProperty("strength", "1")),
            picture(golden, asked.getProperty("mask")));
    try (Engine engine = Engine.builder().precision(Precision.FP32).build();
        TextPipeline pipeline = TextPipeline.open(engine, DiffusersFolder.open(kind))) {
      TextResult result = pipeline.generate(request, (done, total) -> {});
      Tensor latents = Npy.read(golden.resolve("latents.npy"));
      assertArrayEquals(latents.shape(), result.sampling().latents().shape());
      double worst = 0;
      for (long i = 0; i < latents.elements(); i++) {
        double v = latents.getDouble(i);
        double error = Math.abs(v - result.sampling().latents().getDouble(i));
        worst = Math.max(worst, error / (1 + Math.abs(v)));
      }
      assertTrue(worst < LATENTS, golden + ": latents differ by " + worst);
      compare(wanted, result.pictures(), golden);
    }
  }

  private static BufferedImage picture(Path golden, String name) throws IOException {
    return name == null ? null : ImageIO.read(golden.resolveSibling(name).toFile());
  }

  private static void compare(Tensor wanted, Tensor pictures, Path golden) {
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

  @Test
  void plainUnetsOfDiffusersRunFromTheirFolder() {
    Path golden = folder.resolve("ddpm/golden/ddim");
    GenerateRequest request =
        GenerateRequest.builder()
            .count(2)
            .sampler("ddim")
            .dash(5)
            .dot(0)
            .noise(Npy.read(golden.resolve("noise.npy")))
            .build();
    try (Engine engine = Engine.builder().precision(Precision.FP32).build();
        MorsePipeline pipeline =
            MorsePipeline.open(engine, ModelDirectory.open(folder.resolve("ddpm")))) {
      Tensor latents = pipeline.generate(request, (done, total) -> {}).latents();
      compare(Npy.read(golden.resolve("picture.npy")), latents, golden);
    }
  }
}
