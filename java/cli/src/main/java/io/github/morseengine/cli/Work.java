package io.github.morseengine.cli;

import io.github.morseengine.engine.morse.ProgressListener;
import io.github.morseengine.engine.morse.Schedule;

/**
 * Adds the steps of many runs up to one progress, each weighted by its cost, so that the time left
 * can be told. For one thread.
 */
final class Work {

  /** Steps of progress per latency of Dash. */
  private static final double GRAIN = 10;

  private final ProgressListener progress;
  private final double total;
  private double done;

  Work(ProgressListener progress, double total) {
    this.progress = progress;
    this.total = Math.max(total, 1 / GRAIN);
  }

  /** Hears the steps of one run. */
  ProgressListener of(Schedule schedule, double dotOverDash) {
    double before = done;
    double cost = schedule.lsd(dotOverDash);
    return (step, steps) -> {
      done = before + cost * step / steps;
      report();
    };
  }

  /** Counts something that was done before. */
  void skip(double cost) {
    done += cost;
    report();
  }

  private void report() {
    int all = (int) Math.ceil(total * GRAIN);
    progress.step((int) Math.min(all, Math.round(done * GRAIN)), all);
  }
}
