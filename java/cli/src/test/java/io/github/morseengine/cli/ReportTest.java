package io.github.morseengine.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Npy;
import io.github.morseengine.engine.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReportTest {

  private static final Set<String> COMMON =
      Set.of("command", "model", "backend", "device", "precision", "threads", "wall_ms");

  @TempDir Path folder;
  private Path model;
  private Path json;

  @BeforeEach
  void writeModel() throws IOException {
    model = TinyModel.write(folder.resolve("model"));
    json = folder.resolve("report.json");
  }

  @Test
  void freshNoiseIsDrawnBeforeDashAlone() throws IOException {
    byte[] dash = latents("dash", "--dash", 2, "--dot", 2);
    assertArrayEquals(dash, latents("dash", "--dash", 2, "--dot", 2, "--fresh-noise", "dash"));
    byte[] every = latents("every", "--dash", 2, "--dot", 2, "--fresh-noise", "every");
    assertFalse(Arrays.equals(dash, every));
    assertArrayEquals(
        latents("dash", "--dash", 6, "--no-dot"),
        latents("every", "--dash", 6, "--no-dot", "--fresh-noise", "every"));
    Path noise = folder.resolve("noise.npy");
    Npy.write(noise, Tensor.allocate(DType.FLOAT32, 6, 1, 3, 4, 5));
    latents("every", "--dash", 2, "--dot", 2, "--step-noise", noise);
  }

  /** Final samples of a stochastic run; checks what the report says of its noise. */
  private byte[] latents(String freshNoise, Object... more) throws IOException {
    Path out = folder.resolve("latents.npy");
    List<Object> args =
        new ArrayList<>(
            List.of("generate", "--model", model, "--sampler", "ddpm", "--count", 1, "--out"));
    args.addAll(List.of(folder.resolve("a.png"), "--save-latents", out, "--json", json));
    args.addAll(List.of(more));
    Cli cli = Cli.run(args.toArray());
    assertEquals(0, cli.code(), cli.err());
    assertEquals(freshNoise, Cli.json(json).get("fresh_noise"));
    return Files.readAllBytes(out);
  }

  @Test
  void generateWritesPicturesAndTheKeysOfTheContract() throws IOException {
    Path png = folder.resolve("grid.png");
    Path latents = folder.resolve("latents.npy");
    Path trajectory = folder.resolve("trajectory.npy");
    Cli cli =
        Cli.run(
            "generate",
            "--model",
            model,
            "--count",
            5,
            "--batch",
            2,
            "--dash",
            3,
            "--dot",
            2,
            "--label",
            "food",
            "--guidance",
            2,
            "--out",
            png,
            "--json",
            json,
            "--save-latents",
            latents,
            "--save-trajectory",
            trajectory);
    assertEquals(0, cli.code(), cli.err());
    assertEquals(3, cli.out().lines().count(), cli.out());
    Map<?, ?> r = Cli.json(json);
    keys(
        r,
        "sampler",
        "seed",
        "count",
        "batch",
        "steps",
        "n_dash",
        "n_dot",
        "t_dash_ms",
        "t_dot_ms",
        "lsd",
        "images_per_second",
        "load_ms",
        "weight_bytes",
        "arena_bytes",
        "files");
    assertEquals(List.of("food"), r.get("labels"));
    assertEquals(3L, r.get("n_dash"));
    assertEquals(6L, r.get("n_dot"));
    List<?> steps = (List<?>) r.get("steps");
    assertEquals(9, steps.size());
    assertEquals(Set.of("index", "timestep", "kind", "ms"), ((Map<?, ?>) steps.get(0)).keySet());
    for (int i = 0; i < 9; i++) {
      assertEquals(i % 3 == 0 ? "dash" : "dot", ((Map<?, ?>) steps.get(i)).get("kind"));
    }
    Map<?, ?> weights = (Map<?, ?>) r.get("weight_bytes");
    assertEquals(Set.of("dash", "dot", "shared", "device"), weights.keySet());
    assertEquals(15, ImageIO.read(png.toFile()).getWidth());
    assertEquals(8, ImageIO.read(png.toFile()).getHeight());
    assertEquals(List.of(5L, 3L, 4L, 5L), shape(Npy.read(latents)));
    assertEquals(List.of(10L, 5L, 3L, 4L, 5L), shape(Npy.read(trajectory)));
  }

  @Test
  void generateTakesNoiseAndWritesOneFileEach() throws IOException {
    Path noise = folder.resolve("noise.npy");
    Npy.write(noise, Tensor.allocate(DType.FLOAT32, 3, 3, 4, 5));
    Path pictures = folder.resolve("new").resolve("pictures");
    Cli cli =
        Cli.run(
            "generate",
            "--model",
            model,
            "--noise",
            noise,
            "--dash",
            1,
            "--no-dot",
            "--out-dir",
            pictures,
            "--json",
            json);
    assertEquals(0, cli.code(), cli.err());
    try (var files = Files.list(pictures)) {
      assertEquals(3, files.count());
    }
    assertEquals(3L, Cli.json(json).get("count"));
    assertEquals(0L, Cli.json(json).get("n_dot"));
  }

  @Test
  void picturesTakeLabelsInTurnWhateverTheBatch() throws IOException {
    float[] together = latents(5, "--label", "all");
    assertArrayEquals(together, latents(2, "--label", "all"), 1e-4f);
    assertArrayEquals(together, latents(5, "--label", "animals", "--label", "1"), 0);
    float[] food = latents(5, "--label", "food");
    int size = food.length / 5;
    assertArrayEquals(picture(food, 1, size), picture(together, 1, size), 0);
    assertArrayEquals(picture(food, 3, size), picture(together, 3, size), 0);
    assertNotEquals(food[2 * size], together[2 * size]);
    assertNotEquals(latents(5)[0], together[0]);
  }

  private static float[] picture(float[] all, int index, int size) {
    return Arrays.copyOfRange(all, index * size, (index + 1) * size);
  }

  private float[] latents(int batch, String... labels) {
    Path file = folder.resolve("latents.npy");
    List<Object> args =
        new ArrayList<>(
            List.of("generate", "--model", model, "--count", 5, "--batch", batch, "--guidance", 3));
    args.addAll(List.of("--out", folder.resolve("a.png"), "--save-latents", file));
    args.addAll(List.of(labels));
    Cli cli = Cli.run(args.toArray());
    assertEquals(0, cli.code(), cli.err());
    return Npy.read(file).toFloats();
  }

  @Test
  void runWritesOutputsAndTheKeysOfTheContract() throws IOException {
    Tensor x = Tensor.allocate(DType.FLOAT32, 2, 3, 4, 5);
    for (int i = 0; i < x.elements(); i++) {
      x.setDouble(i, 1);
    }
    Npy.write(folder.resolve("x.npy"), x);
    Npy.write(folder.resolve("t.npy"), Tensor.ofLongs(new long[] {1, 2}, 2));
    Cli cli =
        Cli.run(
            "run",
            model.resolve("dash.onnx"),
            "--input",
            "sample=" + folder.resolve("x.npy"),
            "--input",
            "timestep=" + folder.resolve("t.npy"),
            "--input",
            "class_labels=" + folder.resolve("t.npy"),
            "--out-dir",
            folder.resolve("out"),
            "--iterations",
            3,
            "--warmup",
            1,
            "--json",
            json);
    assertEquals(0, cli.code(), cli.err());
    Map<?, ?> r = Cli.json(json);
    keys(r, "latency_ms", "iterations", "compile_ms", "weight_bytes", "arena_bytes", "outputs");
    assertEquals(Set.of("min", "median", "p90"), ((Map<?, ?>) r.get("latency_ms")).keySet());
    assertEquals(List.of(2L, 3L, 4L, 5L), ((Map<?, ?>) r.get("outputs")).get("out_sample"));
    Tensor y = Npy.read(folder.resolve("out").resolve("out_sample.npy"));
    assertEquals(0.75 + 1, y.getDouble(0), 1e-6);
  }

  @Test
  void runRefusesInputsThatDoNotFit() throws IOException {
    Path x = folder.resolve("x.npy");
    Path dash = model.resolve("dash.onnx");
    Npy.write(x, Tensor.ofFloats(new float[] {Float.NaN}, 1));
    Cli missing = Cli.run("run", dash, "--input", "sample=" + x);
    assertEquals(Main.FAILED, missing.code());
    assertTrue(missing.err().contains("timestep, class_labels"), missing.err());
    Cli unknown = Cli.run("run", dash, "--input", "simple=" + x);
    assertTrue(unknown.err().contains("simple") && unknown.err().contains("sample"), unknown.err());
    Cli wrong =
        Cli.run(
            "run",
            dash,
            "--input",
            "sample=" + x,
            "--input",
            "timestep=" + x,
            "--input",
            "class_labels=" + x);
    assertEquals(Main.FAILED, wrong.code());
    assertTrue(wrong.err().contains("sample"), wrong.err());
  }

  @Test
  void inspectTellsOfAFile() throws IOException {
    Cli cli = Cli.run("inspect", model.resolve("dash.onnx"), "--json", json, "--verbose");
    assertEquals(0, cli.code(), cli.err());
    Map<?, ?> r = Cli.json(json);
    keys(r, "inputs", "outputs", "operators", "unsupported", "parameters", "flops");
    assertEquals(9L, r.get("parameters"));
    assertTrue((Long) r.get("flops") >= 2 * 9 * 20, cli.out());
    assertEquals(Map.of("Add", 1L, "Cast", 1L, "Conv", 1L, "Unsqueeze", 1L), r.get("operators"));
    Map<?, ?> sample = (Map<?, ?>) ((Map<?, ?>) r.get("inputs")).get("sample");
    assertEquals(List.of("N", 3L, 4L, 5L), sample.get("shape"));
    assertEquals("float32", sample.get("dtype"));
  }

  @Test
  void inspectTellsWhatIsShared() throws IOException {
    Cli cli = Cli.run("inspect", model, "--json", json);
    assertEquals(0, cli.code(), cli.err());
    Map<?, ?> r = Cli.json(json);
    keys(r, "dash", "dot", "dash_bytes", "dot_bytes", "shared_bytes", "device_bytes");
    long dash = (Long) r.get("dash_bytes");
    assertTrue(dash > 0);
    assertEquals(dash, r.get("shared_bytes"));
    assertEquals(dash, r.get("device_bytes"));
  }

  @Test
  void inspectListsWhatIsUnsupported() throws IOException {
    Path odd = TinyModel.unsupported(folder.resolve("odd.onnx"));
    Cli cli = Cli.run("inspect", odd, "--json", json);
    assertEquals(0, cli.code(), cli.err());
    List<?> unsupported = (List<?>) Cli.json(json).get("unsupported");
    assertEquals(Set.of("node", "operator", "reason"), ((Map<?, ?>) unsupported.get(0)).keySet());
    assertEquals("Frobnicate", ((Map<?, ?>) unsupported.get(0)).get("operator"));
  }

  @Test
  void benchHasTheKeysOfTheContract() throws IOException {
    Cli cli = Cli.run("bench", "--model", model, "--iterations", 2, "--json", json, "--verbose");
    assertEquals(0, cli.code(), cli.err());
    Map<?, ?> r = Cli.json(json);
    keys(r, "dash_ms", "dot_ms", "update_ms", "flops_per_second", "peak_fraction", "operators");
    List<?> operators = (List<?>) r.get("operators");
    assertEquals(Set.of("name", "ms", "share"), ((Map<?, ?>) operators.get(0)).keySet());
    assertTrue((Double) r.get("peak_fraction") > 0);
  }

  @Test
  void doctorHasTheKeysOfTheContract() throws IOException {
    Cli cli = Cli.run("doctor", "--json", json);
    assertEquals(0, cli.code(), cli.err());
    Map<?, ?> r = Cli.json(json);
    keys(r, "java", "cpu", "libraries", "cuda");
    Map<?, ?> cuda = (Map<?, ?>) r.get("cuda");
    assertEquals(
        Set.of("available", "driver", "devices", "reason", "missing"), cuda.keySet(), "cuda");
    assertEquals(cuda.get("reason") == null, cuda.get("available"), "a reason or a device");
    Map<?, ?> library = (Map<?, ?>) ((List<?>) r.get("libraries")).get(0);
    assertEquals(Set.of("name", "version", "path"), library.keySet());
    assertTrue(Files.exists(Path.of((String) library.get("path"))));
  }

  private static List<Long> shape(Tensor t) {
    return java.util.Arrays.stream(t.shape()).boxed().toList();
  }

  private static void keys(Map<?, ?> report, String... wanted) {
    for (String key : COMMON) {
      assertTrue(report.containsKey(key), "no key " + key);
    }
    for (String key : wanted) {
      assertTrue(report.containsKey(key), "no key " + key);
    }
    assertNotNull(report.get("wall_ms"));
  }
}
