package io.github.morseengine.tests.verify;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** Starts the parts' processes and ends them in time. */
final class Children {

  private static final List<String> PROPERTIES =
      List.of("morse.repository", "morse.cache", "morse.cuda.path", "morse.cuda.only");

  private final Path folder;
  private final long begin;
  private final double budget;

  /**
   * Prepares.
   *
   * @param folder receives log.txt
   * @param begin when everything began, of System.nanoTime
   * @param budget seconds for everything
   */
  Children(Path folder, long begin, double budget) {
    this.folder = folder;
    this.begin = begin;
    this.budget = budget;
  }

  /**
   * What came of a process.
   *
   * @param lines of its standard output
   * @param seconds how long it took
   * @param status "done", or why it is not
   */
  record Result(List<String> lines, double seconds, String status) {}

  /** {@return the command that starts a class with this process's Java and class path} */
  List<String> java(String... mainAndArguments) {
    List<String> out = new ArrayList<>();
    out.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    out.addAll(
        List.of(
            "--enable-native-access=ALL-UNNAMED",
            "--sun-misc-unsafe-memory-access=allow",
            "-XX:+UseSerialGC",
            "-Xmx2g"));
    for (String p : PROPERTIES) {
      if (System.getProperty(p) != null) {
        out.add("-D" + p + "=" + System.getProperty(p));
      }
    }
    out.addAll(List.of("-cp", System.getProperty("java.class.path")));
    out.addAll(List.of(mainAndArguments));
    return out;
  }

  /** {@return a program on the PATH or among CUDA's; null if there is none} */
  static Path find(String program) {
    List<String> folders = new ArrayList<>(List.of(System.getenv("PATH").split(":")));
    folders.add("/usr/local/cuda/bin");
    for (String f : folders) {
      Path file = Path.of(f, program);
      if (Files.isExecutable(file)) {
        return file;
      }
    }
    return null;
  }

  /** Runs a process for so many seconds at most, and never beyond the time of everything. */
  Result run(String name, int limit, Map<String, String> environment, List<String> command)
      throws IOException {
    double left = budget - 1e-9 * (System.nanoTime() - begin);
    if (left < 5) {
      return new Result(List.of(), 0, "not run: no time is left");
    }
    System.out.println("... " + name);
    Path out = Files.createTempFile("morse-verify", ".out");
    Path err = Files.createTempFile("morse-verify", ".err");
    long start = System.nanoTime();
    try {
      ProcessBuilder builder =
          new ProcessBuilder(command).redirectOutput(out.toFile()).redirectError(err.toFile());
      builder.environment().putAll(environment);
      Process process = builder.start();
      double seconds = Math.min(limit, left - 3);
      String status;
      if (process.waitFor((long) (1000 * seconds), TimeUnit.MILLISECONDS)) {
        int code = process.exitValue();
        status = code == 0 ? "done" : "exit code " + code;
      } else {
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly().waitFor(2, TimeUnit.SECONDS);
        status = "ended after " + Math.round(seconds) + " s";
      }
      List<String> lines = text(out).lines().toList();
      keep("log.txt", name + " (" + status + ")", text(err).lines().toList());
      if (!status.equals("done")) {
        keep("log.txt", name + ": output", lines);
      }
      return new Result(lines, 1e-9 * (System.nanoTime() - start), status);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return new Result(List.of(), 1e-9 * (System.nanoTime() - start), "interrupted");
    } finally {
      Files.delete(out);
      Files.delete(err);
    }
  }

  /** The output of a process may hold anything. */
  private static String text(Path file) throws IOException {
    return new String(Files.readAllBytes(file), java.nio.charset.StandardCharsets.UTF_8);
  }

  /** Adds lines to a file of the report. */
  void keep(String file, String title, List<String> lines) throws IOException {
    List<String> all = new ArrayList<>(List.of("== " + title));
    all.addAll(lines);
    Files.write(folder.resolve(file), all, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
  }
}
