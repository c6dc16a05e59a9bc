package io.github.morseengine.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class UsageTest {

  @TempDir Path folder;
  private Path model;
  private Path png;

  @BeforeEach
  void writeModel() throws IOException {
    model = TinyModel.write(folder.resolve("model"));
    png = folder.resolve("a.png");
  }

  @ParameterizedTest
  @CsvSource({
    "--count, 0",
    "--count, -1",
    "--count, 99999999999",
    "--batch, 0",
    "--dash, 0",
    "--dash, -3",
    "--dot, -1",
    "--dash, many",
    "--guidance, NaN",
    "--guidance, Infinity",
    "--eta, 1.5",
    "--threads, 0",
    "--threads, 5000",
    "--sampler, euphoria",
    "--backend, abacus",
    "--precision, fp99",
    "--lsd, NaN",
    "--fresh-noise, sometimes",
    "--frobnicate, 1"
  })
  void wrongOptionsAreWrongUsage(String option, String value) {
    Cli cli = Cli.run("generate", "--model", model, "--out", png, option, value);
    assertEquals(Main.WRONG_USAGE, cli.code(), cli.err());
    oneLine(cli);
    assertTrue(cli.err().contains(option), cli.err());
    assertTrue(cli.err().contains("generate --help"), cli.err());
    assertFalse(Files.exists(png));
  }

  @Test
  void noCommandAndUnknownCommandsAreWrongUsage() {
    assertEquals(Main.WRONG_USAGE, Cli.run().code());
    Cli unknown = Cli.run("paint");
    assertEquals(Main.WRONG_USAGE, unknown.code());
    oneLine(unknown);
    assertTrue(unknown.err().contains("paint"), unknown.err());
  }

  @Test
  void unknownSamplerListsTheKnown() {
    Cli cli = Cli.run("generate", "--sampler", "euphoria");
    assertTrue(cli.err().contains("ddim") && cli.err().contains("ddpm"), cli.err());
  }

  @Test
  void unknownLabelListsTheKnown() {
    Cli cli = Cli.run("generate", "--model", model, "--label", "machines", "--out", png);
    assertEquals(Main.FAILED, cli.code());
    oneLine(cli);
    assertTrue(cli.err().contains("animals") && cli.err().contains("food"), cli.err());
    assertFalse(Files.exists(png));
  }

  @ParameterizedTest
  @ValueSource(strings = {"generate", "run", "inspect", "bench", "doctor"})
  void everyCommandHasHelpWithExamples(String command) {
    Cli cli = Cli.run(command, "--help");
    assertEquals(0, cli.code());
    assertTrue(cli.out().contains("Examples:"), cli.out());
    for (String option :
        new String[] {"--json", "--backend", "--precision", "--threads", "--verbose"}) {
      assertTrue(cli.out().contains(option), command + " lacks " + option);
    }
  }

  @Test
  void cudaFailsWithOneLine() {
    Cli cli = Cli.run("generate", "--model", model, "--backend", "cuda", "--out", png);
    assertEquals(Main.FAILED, cli.code());
    oneLine(cli);
    assertTrue(cli.err().contains("CUDA"), cli.err());
  }

  @Test
  void traceOnlyWhenAskedFor() {
    Path missing = folder.resolve("missing.onnx");
    oneLine(Cli.run("inspect", missing));
    Cli cli = Cli.run("inspect", missing, "--verbose");
    assertEquals(Main.FAILED, cli.code());
    assertTrue(cli.err().contains("\tat "), cli.err());
  }

  @Test
  void outputsAreTriedBeforeTheWork() {
    Path nowhere = folder.resolve("nowhere").resolve("a.png");
    Cli cli = Cli.run("generate", "--model", model, "--out", nowhere);
    assertEquals(Main.FAILED, cli.code());
    oneLine(cli);
    assertTrue(cli.err().contains(nowhere.toString()), cli.err());
    Cli json = Cli.run("generate", "--model", model, "--out", png, "--json", folder);
    assertEquals(Main.FAILED, json.code());
    assertFalse(Files.exists(png));
  }

  @Test
  void unknownModelNamesItself() {
    Cli cli = Cli.run("generate", "--model", "no-such-model", "--out", png);
    assertEquals(Main.FAILED, cli.code());
    oneLine(cli);
    assertTrue(cli.err().contains("no-such-model"), cli.err());
  }

  private static void oneLine(Cli cli) {
    assertTrue(cli.err().startsWith("morse: "), cli.err());
    assertEquals(1, cli.err().lines().count(), cli.err());
  }
}
