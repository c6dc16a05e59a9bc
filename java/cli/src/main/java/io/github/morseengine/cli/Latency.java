package io.github.morseengine.cli;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/** Measured durations. For one thread. */
final class Latency {

  private long[] nanos = new long[64];
  private int count;

  void add(long duration) {
    if (count == nanos.length) {
      nanos = Arrays.copyOf(nanos, 2 * count);
    }
    nanos[count++] = duration;
  }

  /** A quantile in milliseconds, linear between neighbours; NaN where nothing was measured. */
  double quantile(double q) {
    if (count == 0) {
      return Double.NaN;
    }
    long[] sorted = Arrays.copyOf(nanos, count);
    Arrays.sort(sorted);
    double at = q * (count - 1);
    int low = (int) at;
    int high = Math.min(low + 1, count - 1);
    return (sorted[low] + (at - low) * (sorted[high] - sorted[low])) / 1e6;
  }

  double median() {
    return quantile(0.5);
  }

  Map<String, Object> values() {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("min", quantile(0));
    out.put("median", median());
    out.put("p90", quantile(0.9));
    return out;
  }
}
