package io.github.morseengine.tests.verify;

import java.io.PrintStream;
import java.util.Locale;

/**
 * What a part tells {@link Verify}: a line each, fields split by tabs. {@code check ok|wrong NAME
 * DETAIL}; {@code time NAME SHAPE MICROS TFLOPS GBS SHARE}; {@code peak NAME VALUE}; {@code note
 * TEXT}. Anything else goes to the log.
 */
final class Lines {

  private final PrintStream out;

  Lines(PrintStream out) {
    this.out = out;
  }

  private static String clean(String text) {
    return String.valueOf(text).replaceAll("\\s+", " ").strip();
  }

  void check(boolean passed, String name, String detail) {
    out.println("check\t" + (passed ? "ok" : "wrong") + "\t" + clean(name) + "\t" + clean(detail));
  }

  /** Compares a measured error with its bound; NaN is above any. */
  void bound(String name, double error, double bound) {
    check(error <= bound, name, String.format(Locale.ROOT, "%.2e, allowed are %.2e", error, bound));
  }

  void note(String text) {
    out.println("note\t" + clean(text));
  }

  void peak(String name, double value) {
    out.println("peak\t" + name + "\t" + String.format(Locale.ROOT, "%.3f", value));
  }

  /**
   * A time against its floor, which is the larger of arithmetic at the GPU's measured rate and
   * bytes at its measured copy rate.
   *
   * @param name what ran
   * @param shape at which shape
   * @param micros its time
   * @param flops its arithmetic
   * @param bytes what it must move
   * @param peaks the rates
   */
  void time(String name, String shape, double micros, double flops, double bytes, Peaks peaks) {
    double tflops = flops / micros * 1e-6;
    double gigabytes = bytes / micros * 1e-3;
    double share = peaks.floorMicros(flops, bytes) / micros;
    out.println(
        String.format(
            Locale.ROOT,
            "time\t%s\t%s\t%.2f\t%.3f\t%.1f\t%.3f",
            name,
            shape,
            micros,
            tflops,
            gigabytes,
            share));
  }
}
