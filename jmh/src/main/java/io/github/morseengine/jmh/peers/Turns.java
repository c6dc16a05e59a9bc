package io.github.morseengine.jmh.peers;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Measures runners in turn: a block of runs of each, a pause, the next. Both runtimes keep threads
 * that spin for a while after a run; the pause lets them fall asleep, and the first runs of a
 * block, which wake the next ones and warm its caches, do not count. Alternating blocks meet the
 * same drift of the machine, which medians of ratios then cancel. For one thread.
 */
final class Turns {

  private static final int SETTLE = 2;
  private static final int LEAST = 3;

  private final long blockNanos;
  private final long pauseMillis;
  private final int settle;
  private final int least;
  private final List<List<Double>> blocks = new ArrayList<>();

  Turns(double blockSeconds, long pauseMillis) {
    this(blockSeconds, pauseMillis, SETTLE, LEAST);
  }

  /** For runs of seconds: how many do not count, and how many at least do. */
  Turns(double blockSeconds, long pauseMillis, int settle, int least) {
    this.blockNanos = (long) (blockSeconds * 1e9);
    this.pauseMillis = pauseMillis;
    this.settle = settle;
    this.least = least;
  }

  /** Gives each runner a block; every other round goes through them backwards. */
  void round(List<? extends Runner> runners) {
    while (blocks.size() < runners.size()) {
      blocks.add(new ArrayList<>());
    }
    boolean backwards = blocks.get(0).size() % 2 == 1;
    for (int i = 0; i < runners.size(); i++) {
      int at = backwards ? runners.size() - 1 - i : i;
      blocks.get(at).add(block(runners.get(at)));
      pause();
    }
  }

  /** The median over blocks of a runner's median time, in milliseconds. */
  double median(int runner) {
    return median(blocks.get(runner));
  }

  /** The ratio of two runners' times in each round. */
  double[] ratios(int numerator, int denominator) {
    List<Double> a = blocks.get(numerator);
    List<Double> b = blocks.get(denominator);
    double[] out = new double[a.size()];
    for (int i = 0; i < out.length; i++) {
      out[i] = a.get(i) / b.get(i);
    }
    Arrays.sort(out);
    return out;
  }

  private double block(Runner runner) {
    for (int i = 0; i < settle; i++) {
      runner.run();
    }
    List<Double> times = new ArrayList<>();
    long begin = System.nanoTime();
    long now = begin;
    while (now - begin < blockNanos || times.size() < least) {
      runner.run();
      long end = System.nanoTime();
      times.add((end - now) / 1e6);
      now = end;
    }
    return median(times);
  }

  private void pause() {
    try {
      Thread.sleep(pauseMillis);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted", e);
    }
  }

  static double median(List<Double> values) {
    double[] sorted = values.stream().mapToDouble(Double::doubleValue).sorted().toArray();
    return median(sorted);
  }

  static double median(double[] sorted) {
    int n = sorted.length;
    return n % 2 == 1 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
  }
}
