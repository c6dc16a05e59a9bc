package io.github.morseengine.cli;

import io.github.morseengine.engine.CudaDiagnostics;
import io.github.morseengine.engine.Diagnostics;
import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.error.MorseException;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Tells what this machine offers and what is missing. */
@Command(
    name = "doctor",
    description = "Tells JDK, CPU features, libraries and GPU, what is missing and how to get it.",
    sortOptions = false,
    footer = {"", "Examples:", "  morse doctor", "  morse doctor --json doctor.json"})
final class DoctorCommand implements Callable<Integer> {

  private static final double GIB = 1L << 30;

  private final Console console;

  @Mixin private EngineOptions options;

  DoctorCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    long begin = System.nanoTime();
    options.check();
    List<String> missing = new ArrayList<>();
    Report report = machine(missing);
    Map<String, Object> java = java();
    Map<String, Object> cpu = new LinkedHashMap<>();
    cpu.put("name", Diagnostics.processor());
    cpu.put("architecture", System.getProperty("os.arch"));
    cpu.put("processors", Runtime.getRuntime().availableProcessors());
    List<Map<String, Object>> libraries = libraries(missing);
    cpu.put("instruction_set", libraries.isEmpty() ? null : Diagnostics.instructionSet());
    cpu.put("features", Diagnostics.processorFeatures());
    CudaDiagnostics gpu = CudaDiagnostics.inspect();
    gpu.libraries().stream()
        .filter(l -> l.path() != null)
        .forEach(l -> libraries.add(library(l.name(), l.version(), l.path())));
    report.put("java", java);
    report.put("cpu", cpu);
    report.put("libraries", libraries);
    report.put("cuda", cuda(gpu));
    print(java, cpu, libraries, gpu, missing);
    options.write(report, begin);
    return missing.isEmpty() ? 0 : Main.FAILED;
  }

  private Report machine(List<String> missing) {
    try (Engine engine = options.open(console)) {
      return options.report("doctor", null, engine);
    } catch (MorseException e) {
      missing.add("the backend: " + e.getMessage());
      return options.report("doctor", null, null);
    }
  }

  private static List<Map<String, Object>> libraries(List<String> missing) {
    List<Map<String, Object>> out = new ArrayList<>();
    try {
      for (Diagnostics.Library l : Diagnostics.libraries()) {
        out.add(library(l.name(), l.version(), l.path()));
      }
    } catch (MorseException e) {
      missing.add("a library: " + e.getMessage());
    }
    return out;
  }

  private static Map<String, Object> library(String name, String version, String path) {
    Map<String, Object> entry = new LinkedHashMap<>();
    entry.put("name", name);
    entry.put("version", version);
    entry.put("path", path);
    return entry;
  }

  private static Map<String, Object> cuda(CudaDiagnostics gpu) {
    Map<String, Object> cuda = new LinkedHashMap<>();
    cuda.put("available", gpu.available());
    cuda.put("driver", driver(gpu));
    List<Map<String, Object>> devices = new ArrayList<>();
    for (CudaDiagnostics.Device d : gpu.devices()) {
      Map<String, Object> device = new LinkedHashMap<>();
      device.put("name", d.name());
      device.put("architecture", d.architecture());
      device.put("multiprocessors", d.multiprocessors());
      device.put("memory_bytes", d.memoryBytes());
      devices.add(device);
    }
    cuda.put("devices", devices);
    cuda.put("reason", gpu.reason());
    Map<String, Object> absent = new LinkedHashMap<>();
    gpu.libraries().stream()
        .filter(l -> l.path() == null)
        .forEach(l -> absent.put(l.name(), l.problem()));
    cuda.put("missing", absent);
    return cuda;
  }

  /** {@return the driver's own version, else the CUDA version that it runs; null without one} */
  private static String driver(CudaDiagnostics gpu) {
    String installed = Diagnostics.gpuDriver();
    CudaDiagnostics.Library library = gpu.libraries().isEmpty() ? null : gpu.libraries().get(0);
    return installed != null || library == null || library.version() == null
        ? installed
        : "CUDA " + library.version();
  }

  private static Map<String, Object> java() {
    Map<String, Object> java = new LinkedHashMap<>();
    java.put("version", System.getProperty("java.runtime.version"));
    java.put("vendor", System.getProperty("java.vendor"));
    java.put("home", System.getProperty("java.home"));
    java.put("max_heap_bytes", Runtime.getRuntime().maxMemory());
    return java;
  }

  private void print(
      Map<String, Object> java,
      Map<String, Object> cpu,
      List<Map<String, Object>> libraries,
      CudaDiagnostics gpu,
      List<String> missing) {
    PrintStream out = console.out();
    out.printf(
        Locale.ROOT,
        "java     %s (%s) in %s; heap up to %.1f GiB%n",
        java.get("version"),
        java.get("vendor"),
        java.get("home"),
        (Long) java.get("max_heap_bytes") / GIB);
    out.println(
        "cpu      "
            + cpu.get("name")
            + ", "
            + cpu.get("processors")
            + " processors, oneDNN uses "
            + cpu.get("instruction_set"));
    out.println("         " + String.join(" ", Diagnostics.processorFeatures()));
    for (Map<String, Object> l : libraries) {
      String version = l.get("version") == null ? "" : " " + l.get("version");
      out.println("library  " + l.get("name") + version + " in " + l.get("path"));
    }
    for (CudaDiagnostics.Device d : gpu.devices()) {
      out.printf(
          Locale.ROOT,
          "gpu      %s, %s, %d multiprocessors, %.1f GiB; driver %s%n",
          d.name(),
          d.architecture(),
          d.multiprocessors(),
          d.memoryBytes() / GIB,
          driver(gpu));
    }
    out.println("cuda     " + (gpu.available() ? "available" : "not available: " + gpu.reason()));
    if (!gpu.devices().isEmpty()) {
      // Without a GPU they would help nobody.
      gpu.libraries().stream()
          .filter(l -> l.path() == null && l.optional())
          .forEach(l -> out.println("optional " + l.problem()));
    }
    for (String m : missing) {
      out.println("missing  " + m);
    }
  }
}
