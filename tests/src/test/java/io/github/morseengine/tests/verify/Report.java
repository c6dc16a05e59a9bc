package io.github.morseengine.tests.verify;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Collects what the parts told and writes it as text and as JSON. */
final class Report {

  /** A part: "done", or why it did not come to its end. */
  private record PartEntry(String name, double seconds, String status) {}

  private record CheckEntry(String part, boolean passed, String name, String detail) {}

  /** A time; the peer's is NaN where it has none. */
  private record TimeEntry(
      String name, String shape, double micros, double tflops, double gbs, double floorShare) {

    String key() {
      return name + " " + shape;
    }
  }

  private final List<PartEntry> parts = new ArrayList<>();
  private final List<CheckEntry> checks = new ArrayList<>();
  private final List<TimeEntry> times = new ArrayList<>();
  private final List<String> notes = new ArrayList<>();
  private final Map<String, Double> peers = new LinkedHashMap<>();
  private final Map<String, Double> peaks = new LinkedHashMap<>();

  /** Takes a line of {@link Lines}; false where it is none. */
  boolean line(String part, String line) {
    String[] f = line.split("\t", -1);
    switch (f[0] + f.length) {
      case "check4" -> check(part, f[1].equals("ok"), f[2], f[3]);
      case "time7" ->
          times.add(
              new TimeEntry(f[1], f[2], number(f[3]), number(f[4]), number(f[5]), number(f[6])));
      case "peer4" -> peers.put(f[1] + " " + f[2], number(f[3]));
      case "peak3" -> peaks.put(f[1], number(f[2]));
      case "note2" -> note(part + ": " + f[1]);
      default -> {
        return false;
      }
    }
    return true;
  }

  private static double number(String text) {
    return Double.parseDouble(text);
  }

  void check(String part, boolean passed, String name, String detail) {
    checks.add(new CheckEntry(part, passed, name, detail));
  }

  void note(String text) {
    notes.add(text);
  }

  void part(String name, double seconds, String status) {
    parts.add(new PartEntry(name, seconds, status));
  }

  double peak(String name) {
    return peaks.getOrDefault(name, 0.0);
  }

  boolean passed() {
    return !checks.isEmpty() && checks.stream().allMatch(CheckEntry::passed);
  }

  /** The kernels that are farthest from their floor, each once. */
  List<String> slowest(int count) {
    return times.stream()
        .filter(t -> t.floorShare() > 0 && !t.name().endsWith(" step"))
        .sorted((a, b) -> Double.compare(a.floorShare(), b.floorShare()))
        .map(TimeEntry::name)
        .distinct()
        .limit(count)
        .toList();
  }

  void write(Path folder, double seconds) throws IOException {
    Files.writeString(folder.resolve("report.txt"), text(seconds));
    Files.writeString(folder.resolve("report.json"), json(seconds));
  }

  String text(double seconds) {
    StringBuilder out = new StringBuilder();
    long wrong = checks.stream().filter(c -> !c.passed()).count();
    out.append(
        format(
            "%s: %d checks, %d wrong, %.0f s%n%n",
            passed() ? "PASSED" : "FAILED", checks.size(), wrong, seconds));
    for (CheckEntry c : checks) {
      if (!c.passed()) {
        out.append(format("WRONG  %s: %s: %s%n", c.part(), c.name(), c.detail()));
      }
    }
    out.append(format("%nParts%n"));
    for (PartEntry p : parts) {
      long all = checks.stream().filter(c -> c.part().equals(p.name())).count();
      out.append(
          format("  %-20s %6.1f s %5d checks  %s%n", p.name(), p.seconds(), all, p.status()));
    }
    out.append(format("%nNotes%n"));
    notes.forEach(n -> out.append("  ").append(n).append(System.lineSeparator()));
    out.append(format("%nTimes; floor / time is the share of what this GPU reaches: "));
    out.append(format("%.1f TFLOP/s, %.1f GB/s%n", peak("tflops"), peak("gigabytes")));
    String header = "  %-30s %-26s %12s %10s %10s %8s %10s%n";
    out.append(format(header, "name", "shape", "us", "TFLOP/s", "GB/s", "floor/t", "PyTorch/t"));
    for (TimeEntry t : times) {
      Double peer = peers.get(t.key());
      out.append(
          format(
              "  %-30s %-26s %12.2f %10.3f %10.1f %8.3f %10s%n",
              t.name(),
              t.shape(),
              t.micros(),
              t.tflops(),
              t.gbs(),
              t.floorShare(),
              peer == null ? "-" : format("%.2f", peer / t.micros())));
    }
    out.append(format("%nChecks%n"));
    for (CheckEntry c : checks) {
      out.append(
          format(
              "  %-5s %s: %s  %s%n", c.passed() ? "ok" : "WRONG", c.part(), c.name(), c.detail()));
    }
    return out.toString();
  }

  private static String format(String pattern, Object... values) {
    return String.format(Locale.ROOT, pattern, values);
  }

  private String json(double seconds) {
    Map<String, Object> all = new LinkedHashMap<>();
    all.put("passed", passed());
    all.put("seconds", seconds);
    all.put("peaks", peaks);
    all.put(
        "parts",
        parts.stream()
            .map(p -> object("name", p.name(), "seconds", p.seconds(), "status", p.status()))
            .toList());
    all.put("notes", notes);
    all.put(
        "checks",
        checks.stream()
            .map(
                c ->
                    object(
                        "part",
                        c.part(),
                        "name",
                        c.name(),
                        "passed",
                        c.passed(),
                        "detail",
                        c.detail()))
            .toList());
    all.put(
        "times",
        times.stream()
            .map(
                t ->
                    object(
                        "name",
                        t.name(),
                        "shape",
                        t.shape(),
                        "us",
                        t.micros(),
                        "tflops",
                        t.tflops(),
                        "gb_per_s",
                        t.gbs(),
                        "floor_share",
                        t.floorShare(),
                        "pytorch_us",
                        peers.get(t.key())))
            .toList());
    StringBuilder out = new StringBuilder();
    JsonText.append(out, all);
    return out.append('\n').toString();
  }

  private static Map<String, Object> object(Object... pairs) {
    Map<String, Object> out = new LinkedHashMap<>();
    for (int i = 0; i < pairs.length; i += 2) {
      out.put((String) pairs[i], pairs[i + 1]);
    }
    return out;
  }
}
