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

  /**
   * A step of Dot, on average over those of a schedule: the first behind a step of Dash costs more,
   * because what depends on that step alone is computed in it.
   */
  double dot(Schedule schedule) {
    List<Double> first = new ArrayList<>();
    List<Double> others = new ArrayList<>();
    for (int i = 1; i < ms.size(); i++) {
      if (schedule.kind(i) == StepKind.DOT) {
        (schedule.kind(i - 1) == StepKind.DASH ? first : others).add(median(i));
      }
    }
    double sum = 0;
    for (List<Double> kind : List.of(first, others)) {
      sum += kind.isEmpty() ? 0 : kind.size() * median(kind);
    }
    return sum == 0 ? 0 : sum / (first.size() + others.size());
  }

  static double median(List<Double> values) {
    double[] sorted = values.stream().mapToDouble(Double::doubleValue).toArray();
    Arrays.sort(sorted);
    int n = sorted.length;
    return n % 2 == 1 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
  }
}
