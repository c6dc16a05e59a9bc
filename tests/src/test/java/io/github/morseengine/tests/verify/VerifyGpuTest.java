package io.github.morseengine.tests.verify;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.morse.json.Json;
import io.github.morseengine.tests.support.Fixtures;
import io.github.morseengine.tests.support.SimulatedDevice;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The image is made and verify-gpu.sh runs from it on the simulated device, without a Java. */
class VerifyGpuTest {

  private static final Path SCRIPTS = Fixtures.repository().resolve("jmh");
  private static final Path IMAGE = Path.of("target", "verify-gpu.tar.gz").toAbsolutePath();

  /** What the script promises. */
  private static final long IMAGE_LIMIT = 45L << 20;

  private static final int FILE_LIMIT = 8;

  @TempDir Path folder;

  @BeforeAll
  static void makeImage() throws Exception {
    image();
  }

  /** {@return the image, made anew} */
  static Path image() throws Exception {
    Path log = Files.createTempFile("verify-image", ".txt");
    ProcessBuilder builder =
        new ProcessBuilder(
                SCRIPTS.resolve("make-verify-image.sh").toString(), "--no-build", IMAGE.toString())
            .redirectErrorStream(true)
            .redirectOutput(log.toFile());
    builder.environment().put("MORSE_JAVA_HOME", System.getProperty("java.home"));
    Process process = builder.start();
    assertTrue(process.waitFor(300, TimeUnit.SECONDS), "making the image hangs");
    assertEquals(0, process.exitValue(), Files.readString(log));
    Files.delete(log);
    return IMAGE;
  }

  /** What came of the script. */
  private record Outcome(int code, String text) {}

  private Outcome verify(Map<String, String> environment, Object... arguments) throws Exception {
    List<String> command = new ArrayList<>(List.of(SCRIPTS.resolve("verify-gpu.sh").toString()));
    for (Object a : arguments) {
      command.add(a.toString());
    }
    Path log = folder.resolve("said.txt");
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .directory(folder.toFile())
            .redirectErrorStream(true)
            .redirectOutput(log.toFile());
    builder.environment().keySet().removeIf(name -> name.contains("JAVA"));
    builder.environment().put("PATH", stubs() + ":/usr/bin:/bin");
    builder.environment().put("MORSE_CUDA_PATH", SimulatedDevice.folder().toString());
    String cache = Path.of("target", "cache").toAbsolutePath().toString();
    builder.environment().put("MORSE_VERIFY_CACHE", cache);
    builder.environment().putAll(environment);
    Process process = builder.start();
    if (!process.waitFor(480, TimeUnit.SECONDS)) {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly();
      throw new IllegalStateException("verify-gpu.sh runs longer than 8 minutes");
    }
    return new Outcome(process.exitValue(), Files.readString(log));
  }

  /** Tools that pass on what they are given, and a Python that knows one time. */
  private Path stubs() throws IOException {
    Path stubs = Files.createDirectories(folder.resolve("tools"));
    stub(
        stubs.resolve("compute-sanitizer"),
        "echo \"========= stub $2\"; shift 4; exec \"$@\" > /dev/null");
    stub(
        stubs.resolve("ncu"),
        "while [ \"${1#-}\" != \"$1\" ]; do shift 2; done; echo 'Duration us 1.0'; exec \"$@\"");
    stub(stubs.resolve("python3"), "printf 'peer\\tgemm_128x128\\t128x128x64\\t10.00\\n'");
    return stubs;
  }

  private static void stub(Path file, String body) throws IOException {
    Files.writeString(file, "#!/bin/sh\n" + body + "\n");
    assertTrue(file.toFile().setExecutable(true));
  }

  private static List<String> files(Path report) {
    return Fixtures.list(report).stream().map(f -> f.getFileName().toString()).toList();
  }

  @Test
  void everythingRunsFromTheImage() throws Exception {
    assertTrue(Files.size(IMAGE) <= IMAGE_LIMIT, Files.size(IMAGE) + " bytes");
    Path report = folder.resolve("report");
    Outcome run = verify(Map.of(), "--image", IMAGE, "--quick", "--out", report);
    assertEquals(0, run.code(), run.text());
    List<String> files = files(report);
    assertEquals(
        List.of("log.txt", "ncu.txt", "report.json", "report.txt", "sanitizer.txt"), files);
    assertTrue(files.size() <= FILE_LIMIT);

    String text = Files.readString(report.resolve("report.txt"));
    assertTrue(text.startsWith("PASSED: "), text);
    for (String part :
        List.of(
            "Simulated H200",
            "a write to no memory is reported",
            "Dash out_sample fp16 b1",
            "Dot residual fp16 b1",
            "Morse trajectory unguided fp16",
            "Dash and Dot hold their weights once",
            "attention_d40",
            "residual_feedback_step_nhwc",
            "t_dash/t_dot at batch 1",
            "racecheck of attention: no errors")) {
      assertTrue(text.contains(part), part + " in " + text);
    }

    String json = Files.readString(report.resolve("report.json"));
    Map<String, Object> all = Json.object(json, "report.json");
    assertEquals(true, all.get("passed"));
    assertTrue(((List<?>) all.get("checks")).size() > 30, json);
    List<?> times = (List<?>) all.get("times");
    Map<?, ?> first = (Map<?, ?>) times.getFirst();
    assertEquals("gemm_128x128", first.get("name"));
    assertEquals(10.0, ((Number) first.get("pytorch_us")).doubleValue());
    assertTrue(((Number) first.get("us")).doubleValue() > 0);

    String profiled = Files.readString(report.resolve("ncu.txt"));
    assertEquals(3, profiled.lines().filter(l -> l.startsWith("== ")).count(), profiled);
    String sanitized = Files.readString(report.resolve("sanitizer.txt"));
    assertTrue(sanitized.contains("========= stub racecheck"), sanitized);
  }

  /** Without a GPU each part fails by itself, the report is written, and the exit code tells. */
  @Test
  void failuresAreReportedAndStopNothing() throws Exception {
    Path report = folder.resolve("report");
    Outcome run =
        verify(Map.of("MORSE_SIM_DEVICES", "0"), "--image", IMAGE, "--quick", "--out", report);
    assertEquals(1, run.code(), run.text());
    String text = Files.readString(report.resolve("report.txt"));
    assertTrue(text.startsWith("FAILED: "), text);
    for (String part :
        List.of(
            "WRONG  doctor: the CUDA backend can work",
            "WRONG  parity of products: comes to its end",
            "WRONG  models: models: ended by",
            "WRONG  steps: steps: ended by")) {
      assertTrue(text.contains(part), part + " in " + text);
    }
    Map<String, Object> all =
        Json.object(Files.readString(report.resolve("report.json")), "report.json");
    assertEquals(false, all.get("passed"));
    assertTrue(files(report).size() <= FILE_LIMIT);
  }

  /** A part that hangs is ended, and one that would begin too late is not started. */
  @Test
  void partsEndInTime() throws Exception {
    Children children = new Children(folder, System.nanoTime(), 20);
    Children.Result hung = children.run("hung", 1, Map.of(), List.of("sleep", "60"));
    assertEquals("ended after 1 s", hung.status());
    assertTrue(Files.readString(folder.resolve("log.txt")).contains("hung (ended after 1 s)"));
    Children late = new Children(folder, System.nanoTime() - 20_000_000_000L, 20);
    Children.Result none = late.run("late", 1, Map.of(), List.of("touch", "late"));
    assertEquals("not run: no time is left", none.status());
  }

  @Test
  void wrongArgumentsSayWhatToDo() throws Exception {
    refused("unknown argument '--fast'", "--fast");
    refused("make-verify-image.sh", "--image", folder.resolve("none.tar.gz"));
    refused("30 to 470 seconds", "--budget", "900");
    refused("needs a value", "--out");
    refused("is there already", "--out", folder);
  }

  private void refused(String message, Object... arguments) throws Exception {
    Outcome run = verify(Map.of(), arguments);
    assertEquals(2, run.code(), run.text());
    assertTrue(run.text().contains(message), run.text());
  }
}
