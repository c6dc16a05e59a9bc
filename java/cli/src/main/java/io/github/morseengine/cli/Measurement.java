package io.github.morseengine.cli;

import io.github.morseengine.engine.morse.evaluate.FrechetDistance;
import io.github.morseengine.engine.morse.evaluate.Moments;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * All pictures of one point, one row each: features, whether the label was hit, squared error to
 * the solution of many steps, and the times of their batch in milliseconds: run, Dash, Dot. What
 * was not measured is NaN.
 */
final class Measurement {

  /** Columns behind the features. */
  static final int MORE = 5;

  private final float[][] rows;
  private final int features;

  Measurement(List<float[][]> batches, int features) {
    List<float[]> all = new ArrayList<>();
    batches.forEach(b -> all.addAll(Arrays.asList(b)));
    this.rows = all.toArray(new float[0][]);
    this.features = features;
  }

  int pictures() {
    return rows.length;
  }

  private double[] column(int index) {
    return Arrays.stream(rows)
        .mapToDouble(r -> r[features + index])
        .filter(v -> !Double.isNaN(v))
        .toArray();
  }

  /** Share of pictures that got their label; NaN where none was asked for. */
  double accuracy() {
    return Arrays.stream(column(0)).average().orElse(Double.NaN);
  }

  double runMs() {
    return median(column(2));
  }

  double[] dashMs() {
    return column(3);
  }

  double[] dotMs() {
    return column(4);
  }

  static double median(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    int n = sorted.length;
    return n == 0 ? Double.NaN : (sorted[(n - 1) / 2] + sorted[n / 2]) / 2;
  }

  boolean hasError() {
    return column(1).length > 0;
  }

  int[] all() {
    return IntStream.range(0, rows.length).toArray();
  }

  /** Over those of the picked pictures that have an error. */
  double rmse(int[] pick) {
    double sum = 0;
    int n = 0;
    for (int i : pick) {
      float v = rows[i][features + 1];
      if (!Float.isNaN(v)) {
        sum += v;
        n++;
      }
    }
    return n == 0 ? Double.NaN : Math.sqrt(sum / n);
  }

  double frechet(FrechetDistance distance, int[] pick) {
    float[][] seen = new float[rows.length][];
    for (int i = 0; i < seen.length; i++) {
      seen[i] = Arrays.copyOf(rows[i], features);
    }
    return distance.to(Moments.of(seen, pick));
  }
}
