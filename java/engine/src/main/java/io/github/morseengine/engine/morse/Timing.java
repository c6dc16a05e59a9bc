package io.github.morseengine.engine.morse;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Durations per step over the batches of a request. For one thread. */
final class Timing {

  private final List<List<Double>> ms = new ArrayList<>();

  Timing(int steps) {
    for (int i = 0; i < steps; i++) {
      ms.add(new ArrayList<>());
    }
  }

  void add(int step, long nanos) {
    ms.get(step).add(nanos / 1e6);
  }

  double median(int step) {
    return median(ms.get(step));
  }

  static double median(List<Double> values) {
    double[] sorted = values.stream().mapToDouble(Double::doubleValue).toArray();
    Arrays.sort(sorted);
    int n = sorted.length;
    return n % 2 == 1 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
  }
}
