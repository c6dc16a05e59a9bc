package io.github.morseengine.cli;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.backend.Precision;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Options that every command takes. */
final class EngineOptions {

  private static final List<String> BACKENDS = List.of("auto", "cpu", "cuda", "reference");
  private static final int MOST_THREADS = 4096;

  @Spec(Spec.Target.MIXEE)
  private CommandSpec spec;

  @Option(names = "--json", paramLabel = "FILE", description = "Write the report as JSON to FILE.")
  private Path json;

  @Option(
      names = "--backend",
      paramLabel = "NAME",
      defaultValue = "auto",
      description = "auto, cpu, cuda or reference (slow, for comparison). Default: auto.")
  private String backend;

  @Option(
      names = "--precision",
      paramLabel = "P",
      defaultValue = "auto",
      description = "fp32, bf16, fp16 or auto. Default: auto.")
  private String precision;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Threads of one run. Default: all processors.")
  private Integer threads;

  @Option(names = "--verbose", description = "Say more; stack traces with errors.")
  private boolean verbose;

  @Option(
      names = {"-h", "--help"},
      usageHelp = true,
      description = "Show this help.")
  private boolean help;

  private Runnable atEnd = () -> {};

  boolean verbose() {
    return verbose;
  }

  Path json() {
    return json;
  }

  /** Refuses wrong values and reports that could not be written, before any work. */
  void check() {
    oneOf("--backend", backend, BACKENDS);
    oneOf(
        "--precision", precision, Arrays.stream(Precision.values()).map(Precision::label).toList());
    if (threads != null) {
      range("--threads", threads, 1, MOST_THREADS);
    }
    if (json != null) {
      OutputFiles.requireWritable(json);
    }
  }

  /**
   * Opens the device. That the processor was taken because no GPU can be used is told once, when
   * the command has done its work: beside an error, which is one line, it would only distract.
   */
  Engine open(Console console) {
    Engine engine =
        Engine.builder()
            .backend(backend)
            .threads(threads == null ? 0 : threads)
            .precision(Precision.valueOf(precision.toUpperCase(Locale.ROOT)))
            .build();
    if (engine.notice() != null) {
      String why = verbose ? engine.notice() : engine.notice().replaceFirst(";.*", "");
      String more = verbose ? "" : " (morse doctor says what is missing)";
      atEnd = () -> console.err().println("note: used the CPU, " + why + more);
    }
    return engine;
  }

  /** Starts a report with the keys that all commands have. */
  Report report(String command, String model, Engine engine) {
    Report report = new Report();
    report.put("command", command);
    report.put("model", model);
    report.put("backend", engine == null ? backend : engine.backendName());
    report.put("device", engine == null ? null : engine.device());
    report.put("precision", engine == null ? precision : engine.precision().label());
    report.put("threads", engine == null ? threads : Integer.valueOf(engine.threads()));
    return report;
  }

  /** Ends a report and writes it where one was asked for. */
  void write(Report report, long beginNanos) {
    report.put("wall_ms", (System.nanoTime() - beginNanos) / 1e6);
    if (json != null) {
      report.write(json);
    }
    atEnd.run();
  }

  void oneOf(String option, String value, List<String> known) {
    if (!known.contains(value)) {
      String all = String.join(", ", known);
      throw usage(option + " '" + value + "' is not known: use one of " + all);
    }
  }

  void range(String option, long value, long least, long most) {
    if (value < least || value > most) {
      throw usage(option + " must be " + least + " to " + most + ", got " + value);
    }
  }

  ParameterException usage(String message) {
    return new ParameterException(spec.commandLine(), message);
  }

  /** Splits {@code NAME=VALUE} options, in order. */
  Map<String, String> pairs(String option, List<String> given) {
    Map<String, String> out = new java.util.LinkedHashMap<>();
    for (String text : given == null ? List.<String>of() : given) {
      int at = text.lastIndexOf('=');
      if (at <= 0 || at == text.length() - 1) {
        throw usage(option + " takes NAME=VALUE, got '" + text + "'");
      }
      if (out.put(text.substring(0, at), text.substring(at + 1)) != null) {
        throw usage(option + " names '" + text.substring(0, at) + "' twice");
      }
    }
    return out;
  }
}
