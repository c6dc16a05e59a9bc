package io.github.morseengine.jmh.peers;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.backend.Precision;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Speed, loading and memory of models of Stable Diffusion's size, beside ONNX Runtime. */
@Command(
    name = "large",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = "Compares time, loading and peak memory of large models with ONNX Runtime.")
public final class LargeTable implements Callable<Integer> {

  private static final double MIB = 1 << 20;

  @Option(
      names = "--dir",
      paramLabel = "DIR",
      description = "What jmh/models/make_sd15.py wrote. Default: jmh/models/out.")
  private Path folder;

  @Option(
      names = "--case",
      split = ",",
      paramLabel = "NAME",
      description = "Some of unet-32, unet-64, unet_fp16-64, vae_decoder-64. Default: all.")
  private List<String> names;

  @Option(
      names = "--part",
      split = ",",
      paramLabel = "P",
      description = "Some of morse, ort (loading and memory of each) and both. Default: all.")
  private List<String> parts = List.of("morse", "ort", "both");

  @Option(names = "--threads", paramLabel = "N", description = "Default: all processors.")
  private int threads = Runtime.getRuntime().availableProcessors();

  @Option(
      names = "--precision",
      paramLabel = "P",
      defaultValue = "FP32",
      description = "The engine's: FP32 or BF16; ONNX Runtime's is fp32. Default: FP32.")
  private Precision precision;

  @Option(names = "--rounds", paramLabel = "R", defaultValue = "5", description = "Default: 5.")
  private int rounds;

  private LargeTable() {}

  /**
   * Runs the comparison.
   *
   * @param args see --help
   */
  public static void main(String[] args) {
    System.exit(
        new CommandLine(new LargeTable()).setCaseInsensitiveEnumValuesAllowed(true).execute(args));
  }

  @Override
  public Integer call() throws IOException, InterruptedException {
    Path home = Path.of(System.getProperty("morse.home", "."));
    Path from = folder == null ? home.resolve("jmh/models/out") : folder;
    List<String> times = new ArrayList<>();
    List<String> memory = new ArrayList<>();
    for (LargeCase c : LargeCase.in(from)) {
      if (names == null || names.contains(c.name())) {
        Map<String, Double> ours = run(from, c, "morse");
        Map<String, Double> peer = c.compared() ? run(from, c, "ort") : Map.of();
        Map<String, Double> both = c.compared() ? run(from, c, "both") : Map.of();
        times.add(times(c, ours, peer, both));
        memory.add(memory(c, ours, peer));
      }
    }
    try (Engine engine = Engine.builder().backend("cpu").build()) {
      System.out.printf("%s, %d threads, %s%n%n", engine.device(), threads, precision.label());
    }
    System.out.println(
        "| model | Morse | ONNX Runtime | speed-up (rounds) | with the text kept | load"
            + " | ONNX Runtime | load again |");
    System.out.println("|---|---|---|---|---|---|---|---|");
    times.forEach(System.out::println);
    System.out.println();
    System.out.println(
        "| model | packed weights | arena | peak, loading | peak | beyond weights and arena"
            + " | ONNX Runtime's peak |");
    System.out.println("|---|---|---|---|---|---|---|");
    memory.forEach(System.out::println);
    return 0;
  }

  private static String times(
      LargeCase c, Map<String, Double> ours, Map<String, Double> peer, Map<String, Double> both) {
    if (both.containsKey("error")) {
      System.err.printf(
          Locale.ROOT,
          "%s: outputs differ by %.1e; %.0f GFLOP/s%n",
          c.name(),
          both.get("error"),
          both.get("flops") / both.get("ms") / 1e6);
    }
    return row(
        c.name(),
        text("%.0f ms", get(both, "ms")),
        text("%.0f ms", get(both, "peer_ms")),
        text("**%.2fx**", get(both, "ratio"))
            + text(" (%.2f-", get(both, "ratio_least"))
            + text("%.2f)", get(both, "ratio_most")),
        text("%.2fx", get(both, "kept_ratio")),
        text("%.1f s", get(ours, "load_ms") / 1e3),
        text("%.1f s", get(peer, "load_ms") / 1e3),
        text("%.1f s", get(ours, "again_ms") / 1e3));
  }

  private static String memory(LargeCase c, Map<String, Double> ours, Map<String, Double> peer) {
    if (get(ours, "again_bytes") > 0) {
      System.err.println(c.name() + ": the second load took weights of its own");
    }
    double held = get(ours, "weight_bytes") + get(ours, "arena_bytes");
    return row(
        c.name(),
        mib(get(ours, "weight_bytes")),
        mib(get(ours, "arena_bytes")),
        mib(get(ours, "load_peak_bytes")),
        mib(get(ours, "peak_bytes")),
        mib(get(ours, "peak_bytes") - held),
        mib(get(peer, "peak_bytes")));
  }

  private static String row(String... cells) {
    return "| " + String.join(" | ", cells) + " |";
  }

  private static double get(Map<String, Double> from, String key) {
    return from.getOrDefault(key, Double.NaN);
  }

  private static String mib(double bytes) {
    return text("%.0f MiB", bytes / MIB);
  }

  private static String text(String format, double value) {
    return Double.isNaN(value) ? "" : String.format(Locale.ROOT, format, value);
  }

  /** Starts a process like this one and reads its numbers; none where the part is not wanted. */
  private Map<String, Double> run(Path from, LargeCase c, String part)
      throws IOException, InterruptedException {
    if (!parts.contains(part)) {
      return Map.of();
    }
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of(
            "--enable-native-access=ALL-UNNAMED",
            "--sun-misc-unsafe-memory-access=allow",
            "-XX:+UseSerialGC",
            "-cp",
            System.getProperty("java.class.path"),
            LargeProcess.class.getName(),
            from.toString(),
            c.name(),
            part,
            Integer.toString(threads),
            precision.name(),
            Integer.toString(rounds)));
    Process process =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    Map<String, Double> out = new LinkedHashMap<>();
    try (BufferedReader lines = process.inputReader()) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        String[] pair = line.split(" ");
        if (pair.length == 2) {
          out.put(pair[0], Double.parseDouble(pair[1]));
        }
      }
    }
    if (process.waitFor() != 0) {
      throw new IOException(c.name() + ": the part '" + part + "' failed, see above");
    }
    return out;
  }
}
