package io.github.morseengine.tests.verify;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Checks and measures the CUDA backend on this machine's GPU and writes a report. Each part is a
 * process with a time limit, and all together have one: a part that fails or hangs costs the others
 * nothing. See jmh/README.md.
 */
public final class Verify {

  private static final String KERNEL_RUNNER = "io.github.morseengine.tests.kernels.KernelRunner";
  private static final String PART = Part.class.getName();

  private final Report report = new Report();
  private final Children children;
  private final boolean quick;

  private Verify(Children children, boolean quick) {
    this.children = children;
    this.quick = quick;
  }

  /**
   * Runs all parts.
   *
   * @param arguments the report's folder, seconds for all, the folder of the scripts, and {@code
   *     quick} for small shapes
   * @throws IOException if the report cannot be written
   */
  public static void main(String[] arguments) throws IOException {
    long begin = System.nanoTime();
    Path folder = Files.createDirectories(Path.of(arguments[0]).toAbsolutePath());
    double budget = Double.parseDouble(arguments[1]);
    boolean quick = Arrays.asList(arguments).contains("quick");
    Verify verify = new Verify(new Children(folder, begin, budget), quick);
    verify.all(Path.of(arguments[2]));
    double seconds = 1e-9 * (System.nanoTime() - begin);
    verify.report.write(folder, seconds);
    verify.report.text(seconds).lines().takeWhile(l -> !l.equals("Checks")).forEach(Verify::print);
    print("the report is in " + folder);
    System.exit(verify.report.passed() ? 0 : 1);
  }

  private static void print(String line) {
    System.out.println(line);
  }

  private void all(Path scripts) throws IOException {
    part("doctor", 30, PART, "doctor");
    part("sticky fault", 30, Map.of("MORSE_SIM_FAIL", "poke:1:700"), children.java(PART, "sticky"));
    for (String group :
        List.of("step", "norms", "attention", "products", "movement", "pointwise")) {
      List<String> command =
          quick ? children.java(KERNEL_RUNNER, group, "2") : children.java(KERNEL_RUNNER, group);
      // Mostly NVRTC's time, for some 35 products; the budget of everything limits it as well.
      part("parity of " + group, 120, Map.of(), command);
    }
    part("models", 90, PART, "models");
    part("faults", 60, PART, "faults");
    part("kernels", 90, PART, "kernels");
    String peaks = "peaks=" + report.peak("tflops") + "," + report.peak("gigabytes");
    part("steps", 60, PART, "steps", peaks);
    pytorch(scripts);
    profile();
    // Last, since it takes whatever time is left.
    sanitizer();
  }

  /** A part of ours that must come to its end. */
  private void part(String name, int seconds, String... command) throws IOException {
    List<String> all = new ArrayList<>(List.of(command));
    if (quick) {
      all.add("quick");
    }
    part(name, seconds, Map.of(), children.java(all.toArray(String[]::new)));
  }

  private void part(String name, int seconds, Map<String, String> environment, List<String> command)
      throws IOException {
    Children.Result r = children.run(name, seconds, environment, command);
    int told = 0;
    for (String line : r.lines()) {
      if (line.startsWith("ok ")) {
        report.check(name, true, line.substring(3), "");
        told++;
      } else if (line.startsWith("wrong ")) {
        report.check(name, false, line.substring(6), "");
        told++;
      } else if (report.line(name, line)) {
        told++;
      }
    }
    if (!r.status().equals("done") || told == 0) {
      report.check(name, false, "comes to its end", r.status() + ", see log.txt");
    }
    report.part(name, r.seconds(), r.status());
  }

  /** A tool that may be missing: says so and goes on. */
  private void absent(String part, String why) {
    report.part(part, 0, "skipped");
    report.note(part + ": skipped, " + why);
  }

  private void pytorch(Path scripts) throws IOException {
    String name = "PyTorch";
    Path python = Children.find("python3");
    if (python == null) {
      absent(name, "there is no python3");
      return;
    }
    List<String> command = List.of(python.toString(), scripts.resolve("torch_times.py").toString());
    Children.Result r = children.run(name, 60, Map.of(), command);
    if (r.lines().stream().filter(l -> report.line(name, l)).count() == 0) {
      absent(name, "it tells no times (" + r.status() + "), see log.txt");
    } else {
      report.part(name, r.seconds(), r.status());
    }
  }

  private void sanitizer() throws IOException {
    Path tool = Children.find("compute-sanitizer");
    if (tool == null) {
      absent("compute-sanitizer", "it is neither on the PATH nor in /usr/local/cuda/bin");
      return;
    }
    for (String check : List.of("memcheck", "racecheck")) {
      for (String group : List.of("attention", "products", "norms", "step")) {
        String name = check + " of " + group;
        List<String> command =
            new ArrayList<>(List.of(tool.toString(), "--tool", check, "--error-exitcode", "97"));
        command.addAll(children.java(KERNEL_RUNNER, group, quick ? "1" : "6"));
        Children.Result r = children.run(name, 30, Map.of(), command);
        children.keep("sanitizer.txt", name, r.lines());
        report.part(name, r.seconds(), r.status());
        if (r.status().equals("done") || r.status().equals("exit code 97")) {
          report.check(name, r.status().equals("done"), "no errors", "see sanitizer.txt");
        } else {
          report.note(name + ": " + r.status() + ", see sanitizer.txt");
        }
      }
    }
  }

  private void profile() throws IOException {
    Path tool = Children.find("ncu");
    if (tool == null) {
      absent("ncu", "it is neither on the PATH nor in /usr/local/cuda/bin");
      return;
    }
    for (String kernel : report.slowest(3)) {
      List<String> command =
          new ArrayList<>(
              List.of(
                  tool.toString(),
                  "--launch-skip",
                  "1",
                  "--launch-count",
                  "1",
                  "--section",
                  "SpeedOfLight",
                  "--section",
                  "Occupancy",
                  "--section",
                  "MemoryWorkloadAnalysis",
                  "--section",
                  "WarpStateStats"));
      command.addAll(children.java(PART, "kernels", "only=" + kernel, quick ? "quick" : "full"));
      Children.Result r = children.run("ncu " + kernel, 30, Map.of(), command);
      children.keep("ncu.txt", kernel, r.lines());
      report.part("ncu " + kernel, r.seconds(), r.status());
      report.note(String.format(Locale.ROOT, "ncu %s: %s, see ncu.txt", kernel, r.status()));
    }
  }
}
