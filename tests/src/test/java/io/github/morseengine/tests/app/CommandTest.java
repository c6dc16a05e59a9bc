package io.github.morseengine.tests.app;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.tensor.Npy;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.tests.support.Fixtures;
import io.github.morseengine.tests.support.ModelBuilder;
import io.github.morseengine.tests.support.Subprocess;
import io.github.morseengine.tests.support.ToyMorse;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** The command in processes of its own: exit codes, one line on the standard error, no debris. */
class CommandTest {

  @TempDir Path folder;
  private Path model;
  private Path work;

  @BeforeEach
  void write() throws IOException {
    model = ToyMorse.write(folder.resolve("model"));
    work = Files.createDirectories(folder.resolve("work"));
  }

  private List<String> debris() {
    try (Stream<Path> files = Files.list(work)) {
      return files.map(f -> f.getFileName().toString()).filter(f -> !f.startsWith("std")).toList();
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  private void fails(int code, String word, Object... arguments) {
    Subprocess run = Subprocess.morse(work, arguments);
    assertEquals(code, run.code(), run.err());
    assertEquals(1, run.err().lines().count(), run.err());
    assertTrue(run.err().startsWith("morse: "), run.err());
    assertTrue(run.err().contains(word), run.err());
    assertEquals(List.of(), debris());
  }

  @Test
  void drawsTheShippedModel() throws IOException {
    Path shipped = Fixtures.shipped("emoji32");
    Subprocess run =
        Subprocess.morse(
            work,
            "generate",
            "--model",
            shipped,
            "--count",
            4,
            "--dash",
            3,
            "--dot",
            1,
            "--out",
            "a.png",
            "--json",
            "a.json");
    assertEquals(0, run.code(), run.err());
    assertTrue(ImageIO.read(work.resolve("a.png").toFile()).getWidth() >= 64);
    String json = Files.readString(work.resolve("a.json"));
    for (String key :
        List.of("n_dash", "n_dot", "t_dash_ms", "lsd", "weight_bytes", "arena_bytes")) {
      assertTrue(json.contains("\"" + key + "\""), json);
    }
  }

  @Test
  void aRunCanBeReplayedFromItsFiles() {
    Path noise = folder.resolve("noise.npy");
    Npy.write(noise, Tensor.ofFloats(ModelBuilder.random(4, 2 * 192), 2, 3, 8, 8));
    for (String name : List.of("a", "b")) {
      Subprocess run =
          Subprocess.morse(
              work,
              "generate",
              "--model",
              model,
              "--count",
              2,
              "--noise",
              noise,
              "--save-latents",
              name + ".npy",
              "--out",
              name + ".png");
      assertEquals(0, run.code(), run.err());
    }
    Tensor first = Npy.read(work.resolve("a.npy"));
    assertEquals(-1, first.data().mismatch(Npy.read(work.resolve("b.npy")).data()));
  }

  @Test
  void badModelsFailWithOneLine() throws IOException {
    fails(1, "absent.onnx", "inspect", "absent.onnx");
    Path text = folder.resolve("text.onnx");
    Files.writeString(text, "no model");
    fails(1, "text.onnx", "inspect", text);
    byte[] whole = Files.readAllBytes(model.resolve("dash.onnx"));
    Files.write(model.resolve("dash.onnx"), java.util.Arrays.copyOf(whole, whole.length / 2));
    fails(1, "dash.onnx", "generate", "--model", model, "--out", "a.png");
  }

  @Test
  void badRequestsFailWithOneLine() {
    fails(2, "euphoria", "generate", "--model", model, "--sampler", "euphoria");
    fails(2, "--dash", "generate", "--model", model, "--dash", 0);
    fails(1, "spaceship", "generate", "--model", model, "--label", "spaceship", "--out", "a.png");
    fails(1, "nowhere", "generate", "--model", model, "--out", "nowhere/a.png");
    fails(1, "100", "generate", "--model", model, "--dash", 500, "--out", "a.png");
  }

  @Test
  void notANumberInAnInputFails() {
    Path x = folder.resolve("x.npy");
    Npy.write(x, Tensor.ofFloats(new float[] {1, Float.NaN}, 2));
    Path relu = io.github.morseengine.tests.support.Faults.relu().write(folder.resolve("r.onnx"));
    fails(1, "NaN", "run", relu, "--input", "x=" + x, "--out-dir", "out");
    fails(1, "'z'", "run", relu, "--input", "z=" + x, "--out-dir", "out");
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void aFullDiskIsSaid() {
    Subprocess run =
        Subprocess.morse(
            work, "generate", "--model", model, "--out", "a.png", "--json", "/dev/full");
    assertEquals(1, run.code(), run.out());
    assertEquals(1, run.err().lines().filter(l -> l.startsWith("morse: ")).count(), run.err());
  }

  @Test
  void deniedNativeAccessNamesTheFlag() {
    Subprocess run =
        Subprocess.await(
            Subprocess.start(
                work,
                List.of("--illegal-native-access=deny"),
                Subprocess.classPath(),
                List.of(
                    "io.github.morseengine.cli.Main",
                    "generate",
                    "--model",
                    model,
                    "--out",
                    "a.png")),
            work);
    assertEquals(1, run.code(), run.err());
    assertTrue(run.err().contains("--enable-native-access="), run.err());
    assertFalse(run.err().contains("\tat "), run.err());
    assertEquals(List.of(), debris());
  }

  @Test
  void tooLittleMemoryIsSaid() {
    Subprocess run =
        Subprocess.await(
            Subprocess.start(
                work,
                Subprocess.OPTIONS,
                Subprocess.classPath(),
                List.of(
                    "-XX:MaxDirectMemorySize=1g",
                    "io.github.morseengine.cli.Main",
                    "generate",
                    "--model",
                    model,
                    "--count",
                    1_000_000,
                    "--batch",
                    1_000_000,
                    "--dash",
                    2,
                    "--save-trajectory",
                    "t.npy",
                    "--out",
                    "a.png")),
            work);
    assertEquals(1, run.code(), run.err());
    assertEquals(1, run.err().lines().filter(l -> l.startsWith("morse: ")).count(), run.err());
    assertTrue(run.err().contains("memory"), run.err());
    assertEquals(List.of(), debris());
  }

  @Test
  void endingTheProcessWhileItRunsLeavesNothing() throws Exception {
    Process process =
        Subprocess.start(
            work,
            Subprocess.OPTIONS,
            Subprocess.classPath(),
            List.of(
                "io.github.morseengine.cli.Main",
                "generate",
                "--model",
                model,
                "--batch",
                1,
                "--dash",
                50,
                "--dot",
                1,
                "--count",
                100_000,
                "--out",
                "a.png"));
    while (process.isAlive() && Files.size(work.resolve("stderr.txt")) == 0) {
      Thread.onSpinWait();
    }
    process.destroy();
    Subprocess run = Subprocess.await(process, work);
    assertEquals(143, run.code(), run.err());
    assertFalse(run.err().contains("SIGSEGV") || run.err().contains("\tat "), run.err());
    assertEquals(List.of(), debris());
  }
}
