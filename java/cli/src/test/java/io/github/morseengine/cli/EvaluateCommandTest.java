package io.github.morseengine.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.morse.TunedSchedules;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** morse evaluate and morse tune on a tiny model: files, keys, resuming, and what they refuse. */
class EvaluateCommandTest {

  @TempDir Path folder;
  private Path model;
  private Path out;

  @BeforeEach
  void write() throws IOException {
    model = TinyModel.write(folder.resolve("model"));
    TinyModel.addJudge(model);
    out = folder.resolve("out");
  }

  private Cli evaluate(Object... more) {
    Map<String, Object> options = new LinkedHashMap<>();
    options.put("--model", model);
    options.put("--samplers", "ddim,ddpm");
    options.put("--budgets", "2,4");
    options.put("--samples", 6);
    options.put("--batch", 3);
    options.put("--fine", 8);
    options.put("--fine-samples", 3);
    options.put("--out", out);
    for (int i = 0; i < more.length; i += 2) {
      options.put((String) more[i], more[i + 1]);
    }
    List<Object> args = new ArrayList<>(List.of("evaluate"));
    options.forEach((key, value) -> args.addAll(List.of(key, value)));
    return Cli.run(args.toArray());
  }

  private Map<Path, FileTime> parts() throws IOException {
    Map<Path, FileTime> times = new TreeMap<>();
    try (Stream<Path> files = Files.walk(out)) {
      for (Path f : files.filter(p -> p.toString().endsWith(".npy")).toList()) {
        times.put(f, Files.getLastModifiedTime(f));
      }
    }
    return times;
  }

  @Test
  void resultsAreWrittenAndARunGoesOn() throws IOException {
    Cli cli = evaluate();
    assertEquals(0, cli.code(), cli.err());
    Map<?, ?> report = Cli.json(out.resolve("report.json"));
    Map<?, ?> samplers = (Map<?, ?>) report.get("samplers");
    assertEquals(List.of("ddim", "ddpm"), List.copyOf(samplers.keySet()));
    Map<?, ?> ddim = (Map<?, ?>) samplers.get("ddim");
    assertEquals("frechet", ddim.get("metric"));
    assertEquals(List.of(2.0, 4.0), ddim.get("budgets"));
    assertEquals(2, ((List<?>) ddim.get("speedup")).size());
    assertEquals(2, ((List<?>) ((List<?>) ddim.get("speedup_interval")).get(0)).size());
    assertNotNull(ddim.get("speedup_mean"));
    assertNotNull(ddim.get("speedup_wall_mean"));
    assertTrue(((Map<?, ?>) ddim.get("metrics")).containsKey("rmse"));
    Map<?, ?> ddpm = (Map<?, ?>) samplers.get("ddpm");
    assertFalse(((Map<?, ?>) ddpm.get("metrics")).containsKey("rmse"), "ddpm has no solution");
    List<String> csv = Files.readAllLines(out.resolve("curves.csv"));
    // Of Dash alone two points each; how many of Morse follows from the times measured.
    assertTrue(csv.size() >= 1 + 2 * (2 + 1), csv.toString());
    int columns = csv.getFirst().split(",").length;
    csv.forEach(line -> assertEquals(columns, line.split(",", -1).length, line));
    assertNotNull(ImageIO.read(out.resolve("curves.png").toFile()));
    assertNotNull(ImageIO.read(out.resolve("side-by-side.png").toFile()));
    assertTrue(cli.out().contains("by frechet: speedup"), cli.out());

    // A batch that an interruption lost is drawn again, and nothing else is.
    Map<Path, FileTime> before = parts();
    Path lost =
        before.keySet().stream()
            .filter(p -> p.toString().contains("parts"))
            .findFirst()
            .orElseThrow();
    byte[] content = Files.readAllBytes(lost);
    Files.delete(lost);
    assertEquals(0, evaluate().code());
    Map<Path, FileTime> after = parts();
    assertEquals(before.keySet(), after.keySet());
    before.remove(lost);
    before.forEach((file, time) -> assertEquals(time, after.get(file), file.toString()));
    assertEquals(content.length, Files.size(lost));
  }

  @Test
  void foldersOfOthersAreLeftAlone() throws IOException {
    assertEquals(0, evaluate("--guidance", "none,labels,2").code());
    String curves = Files.readString(out.resolve("curves.csv"));
    assertTrue(curves.contains("ddim+guidance=2") && curves.contains("ddim+labels"), curves);
    Cli other = evaluate("--guidance", "none,labels,2", "--seed", "9");
    assertEquals(Main.FAILED, other.code());
    assertTrue(other.err().contains("seed") && other.err().contains("--out"), other.err());
    Path foreign = Files.createDirectories(folder.resolve("foreign"));
    Files.writeString(foreign.resolve("thesis.txt"), "mine");
    out = foreign;
    Cli cli = evaluate();
    assertEquals(Main.FAILED, cli.code());
    assertTrue(cli.err().contains("holds other files"), cli.err());
    assertEquals(1, foreign.toFile().list().length);
  }

  @Test
  void tooFewPicturesLeaveTheMetricOut() {
    Cli cli = evaluate("--samples", "3", "--samplers", "ddim");
    assertEquals(0, cli.code(), cli.err());
    assertTrue(cli.err().contains("needs at least 4 pictures"), cli.err());
    assertTrue(cli.out().contains("by rmse") && !cli.out().contains("by frechet"), cli.out());
  }

  @Test
  void wrongOptionsAreSaid() throws IOException {
    for (String[] wrong :
        new String[][] {
          {"--budgets", "0.5"},
          {"--budgets", "4,2"},
          {"--samplers", "euphoria"},
          {"--guidance", "much"},
          {"--samples", "1"},
          {"--dot", "0"}
        }) {
      Cli cli = evaluate(wrong[0], wrong[1]);
      assertEquals(Main.WRONG_USAGE, cli.code(), cli.err());
      assertTrue(cli.err().contains(wrong[0]), cli.err());
    }
    Cli tuned = Cli.run("tune", "--model", model, "--samplers", "sde");
    assertEquals(Main.WRONG_USAGE, tuned.code());
    assertTrue(tuned.err().contains("tune ode"), tuned.err());
    Path latent = Files.createDirectories(folder.resolve("latent/text_encoder")).getParent();
    for (String command : new String[] {"evaluate", "tune"}) {
      Cli cli = Cli.run(command, "--model", latent);
      assertEquals(Main.FAILED, cli.code());
      assertTrue(cli.err().contains("draws latents: morse " + command), cli.err());
    }
    Files.delete(model.resolve("dot.onnx"));
    assertEquals(Main.FAILED, evaluate().code());
    Cli nothing = Cli.run("tune", "--model", model);
    assertTrue(nothing.err().contains("dot.onnx"), nothing.err());
    assertFalse(Files.exists(out));
  }

  @Test
  void whatTuneFindsGenerateUses() throws IOException {
    Path png = folder.resolve("grid.png");
    Cli before = Cli.run("generate", "--model", model, "--lsd", "4", "--out", png);
    assertEquals(Main.FAILED, before.code());
    assertTrue(before.err().contains("morse tune"), before.err());
    Cli tune =
        Cli.run(
            "tune",
            "--model",
            model,
            "--batch",
            "2",
            "--budgets",
            "2,4",
            "--fine",
            "8",
            "--samples",
            "3",
            "--samplers",
            "ddim,dpmpp:2");
    assertEquals(0, tune.code(), tune.err());
    Map<?, ?> file = Cli.json(model.resolve(TunedSchedules.FILE));
    assertEquals(2L, file.get("batch"));
    assertEquals(4L, file.get("pictures"));
    for (String sampler : new String[] {"ddim", "dpmpp:2"}) {
      assertEquals(2, ((List<?>) ((Map<?, ?>) file.get("samplers")).get(sampler)).size());
    }
    Path report = folder.resolve("report.json");
    Cli after =
        Cli.run(
            "generate",
            "--model",
            model,
            "--lsd",
            "4",
            "--sampler",
            "ddpm",
            "--count",
            "2",
            "--out",
            png,
            "--json",
            report);
    assertEquals(0, after.code(), after.err());
    assertTrue(after.out().contains("of 4.0 asked for"), after.out());
    String schedule = (String) Cli.json(report).get("schedule");
    assertTrue(
        Files.readString(model.resolve(TunedSchedules.FILE)).contains("\"" + schedule + "\""));
    assertEquals(
        0,
        Cli.run(
                "evaluate",
                "--model",
                model,
                "--samplers",
                "ddim",
                "--budgets",
                "4",
                "--samples",
                "4",
                "--batch",
                "2",
                "--fine",
                "8",
                "--out",
                out)
            .code());
  }
}
