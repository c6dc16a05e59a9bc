package io.github.morseengine.tests.app;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.tests.support.Fixtures;
import io.github.morseengine.tests.support.Subprocess;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Text to picture as a user of the command does it. */
class TextCommandTest {

  @TempDir Path folder;
  private Path model;

  @BeforeEach
  void unpack() {
    model = Fixtures.unpack("pipelines.zip", folder.resolve("models")).resolve("sd1");
  }

  private Subprocess generate(Object... more) {
    List<Object> all = new ArrayList<>(List.of("generate", "--model", model, "--dash", 2));
    all.addAll(List.of(more));
    return Subprocess.morse(folder, all.toArray());
  }

  private void wrong(int code, String word, Object... more) {
    Subprocess run = generate(more);
    assertEquals(code, run.code(), run.err());
    assertEquals(1, run.err().lines().filter(l -> l.startsWith("morse: ")).count(), run.err());
    assertTrue(run.err().contains(word), run.err());
  }

  @Test
  void aPromptBecomesAPicture() throws IOException {
    Subprocess run =
        generate("--prompt", "a red fox", "--size", "48x32", "--out", "a.png", "--json", "a.json");
    assertEquals(0, run.code(), run.err());
    assertEquals(48, ImageIO.read(folder.resolve("a.png").toFile()).getWidth());
    String json = Files.readString(folder.resolve("a.json"));
    for (String key : List.of("prompts", "encode_ms", "decode_ms", "n_dash", "weight_bytes")) {
      assertTrue(json.contains("\"" + key + "\""), json);
    }
    assertTrue(json.contains("a red fox"), json);
  }

  @Test
  void aFileOfPromptsGoesOnWhereItWas() throws IOException {
    Path lines = folder.resolve("lines.txt");
    Files.writeString(lines, "ein Füchslein\na dog\n" + "word ".repeat(300) + "\n");
    Path out = folder.resolve("out");
    Object[] call = {"--prompts", lines, "--out-dir", out, "--size", "16x16", "--count", 2};
    Subprocess first = generate(call);
    assertEquals(0, first.code(), first.err());
    assertTrue(first.err().contains("tokens, which were left out"), first.err());
    assertEquals(6, Fixtures.list(out).stream().filter(p -> p.toString().endsWith("png")).count());
    List<String> report = Files.readAllLines(out.resolve("report.jsonl"));
    assertEquals(3, report.size());
    assertTrue(report.getFirst().contains("ein Füchslein"), report.getFirst());
    byte[] whole = Files.readAllBytes(out.resolve("00001-00.png"));
    Files.delete(out.resolve("00001-00.png"));
    Subprocess second = generate(call);
    assertTrue(second.out().contains("1 of 3 prompts drawn, 2 were there already"), second.out());
    assertEquals(4, Files.readAllLines(out.resolve("report.jsonl")).size());
    assertEquals(
        Arrays.toString(whole), Arrays.toString(Files.readAllBytes(out.resolve("00001-00.png"))));
  }

  @Test
  void modelsMadeForInpaintingTakePictureAndMask() throws IOException {
    model = Fixtures.unpack("inpainting.zip", folder.resolve("models")).resolve("inpaint_dynamo");
    Path golden = model.resolve("golden");
    Object[] call = {"--prompt", "a hat", "--dot", 1, "--image", golden.resolve("picture.png")};
    wrong(1, "made for inpainting: give --image FILE and --mask FILE", call);
    List<Object> all = new ArrayList<>(List.of(call));
    all.addAll(List.of("--mask", golden.resolve("mask.png"), "--count", 2, "--out-dir", "out"));
    Subprocess run = generate(all.toArray());
    assertEquals(0, run.code(), run.err());
    // Nothing is left out: the strength of these models is 1 unless it is given.
    assertTrue(run.out().contains("2 pictures, 2 Dash + 2 Dot steps"), run.out());
    assertEquals(64, ImageIO.read(folder.resolve("out/00001.png").toFile()).getWidth());
  }

  @Test
  void previewsShowWhereARunIsHeading() throws IOException {
    Object[] call = {"--prompt", "a fox", "--size", "48x32", "--count", 2, "--preview", "p.png"};
    Subprocess run = generate(call);
    assertEquals(0, run.code(), run.err());
    BufferedImage preview = ImageIO.read(folder.resolve("p.png").toFile());
    // A pixel for each latent, two pictures side by side.
    assertEquals(48, preview.getWidth());
    assertEquals(16, preview.getHeight());
    model = folder.resolve("models/ddpm");
    Subprocess pixels = generate("--count", 1, "--seed", 3, "--out", "a.png", "--preview", "p.png");
    assertEquals(0, pixels.code(), pixels.err());
    BufferedImage drawn = ImageIO.read(folder.resolve("a.png").toFile());
    preview = ImageIO.read(folder.resolve("p.png").toFile());
    // The last step of ddim ends at its estimate.
    for (int i = 0; i < 256; i++) {
      assertEquals(drawn.getRGB(i % 16, i / 16), preview.getRGB(i % 16, i / 16), "pixel " + i);
    }
    wrong(2, "--preview-every needs --preview", "--preview-every", 2);
    wrong(1, "cannot write 'absent/p.png'", "--preview", "absent/p.png");
  }

  @Test
  void transformersDrawLabelsAndTexts() throws IOException {
    model = Fixtures.unpack("transformers.zip", folder.resolve("models")).resolve("dit_morse");
    Subprocess run =
        generate("--label", "golden retriever", "--label", "3", "--no-dot", "--json", "a.json");
    assertEquals(0, run.code(), run.err());
    // A picture of each label, guided as diffusers does it.
    assertTrue(run.out().contains("2 pictures, 2 Dash + 0 Dot steps of ddim"), run.out());
    assertEquals(64, ImageIO.read(folder.resolve("morse.png").toFile()).getWidth());
    String json = Files.readString(folder.resolve("a.json"));
    for (String part : List.of("\"guidance\" : 4.0", "decode_ms", "golden retriever")) {
      assertTrue(json.contains(part), json);
    }
    run = generate("--label", "all", "--dot", 1, "--out-dir", "out", "--preview", "p.png");
    assertEquals(0, run.code(), run.err());
    assertTrue(run.out().contains("16 pictures, 2 Dash + 2 Dot steps"), run.out());
    wrong(1, "reads no text: use --label", "--prompt", "a dog");
    wrong(1, "unknown label 'dog'", "--label", "dog");
    model = Fixtures.unpack("mmdit.zip", folder.resolve("models")).resolve("sd3_morse");
    run = generate("--prompt", "a red fox", "--no-dot", "--size", "32x16", "--json", "b.json");
    assertEquals(0, run.code(), run.err());
    assertTrue(run.out().contains("1 pictures, 2 Dash + 0 Dot steps of euler"), run.out());
    assertTrue(Files.readString(folder.resolve("b.json")).contains("\"guidance\" : 7.0"));
    wrong(1, "use euler", "--prompt", "a fox", "--sampler", "ddim");
    model = Fixtures.unpack("t5.zip", folder.resolve("models")).resolve("sd3_t5_morse");
    Object[] call = {"--prompt", "word ".repeat(40), "--no-dot", "--size", "16x16"};
    run = generate(call);
    assertTrue(run.code() == 0 && run.err().contains("T5 alone reads"), run.err());
    byte[] whole = Files.readAllBytes(folder.resolve("morse.png"));
    run = generate(Stream.concat(Stream.of(call), Stream.of("--no-t5")).toArray());
    assertTrue(run.code() == 0 && run.err().contains("were left out"), run.err());
    assertFalse(Arrays.equals(whole, Files.readAllBytes(folder.resolve("morse.png"))));
    wrong(1, "leave the preview out", "--prompt", "a fox", "--preview", "p.png");
  }

  @Test
  void wrongInputsSayWhatToDo() throws IOException {
    Path text = folder.resolve("text.png");
    Files.writeString(text, "no picture");
    wrong(1, "is no picture that can be read", "--prompt", "a", "--image", text);
    wrong(1, "does not exist", "--prompt", "a", "--image", "absent.png");
    wrong(1, "--no-t5 is for Stable Diffusion 3", "--prompt", "a", "--no-t5");
    wrong(1, "divisible by 2", "--prompt", "a", "--size", "31x32");
    wrong(2, "--size must be WxH", "--prompt", "a", "--size", "large");
    wrong(2, "--prompts needs --out-dir", "--prompts", text);
    wrong(2, "need --image", "--prompt", "a", "--strength", "0.5");
    wrong(1, "reads text and has no labels", "--label", "Flags");
  }
}
