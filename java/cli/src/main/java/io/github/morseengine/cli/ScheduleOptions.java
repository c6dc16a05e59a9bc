package io.github.morseengine.cli;

import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.morse.FreshNoise;
import io.github.morseengine.engine.morse.ModelDirectory;
import io.github.morseengine.engine.morse.Schedule;
import io.github.morseengine.engine.morse.TunedSchedules;
import java.util.Locale;
import picocli.CommandLine.Option;

/** How many steps a run takes, and which model speaks at each. */
final class ScheduleOptions {

  private static final int MOST_STEPS = 100_000;

  @Option(
      names = "--dash",
      paramLabel = "D",
      description = "Steps of Dash. Default: 10; without Dot, models that read text take 25.")
  private Integer dash;

  @Option(
      names = "--dot",
      paramLabel = "K",
      description = "Steps of Dot after each step of Dash. Default: 1, or 0 without Dot.")
  private Integer dot;

  @Option(
      names = "--schedule",
      paramLabel = "DKK...",
      description = "The model of every step: D for Dash, K for Dot; instead of --dash and --dot.")
  private String schedule;

  @Option(
      names = "--lsd",
      paramLabel = "L",
      description = {
        "The best schedule that costs at most L latencies of Dash, as morse tune found it;",
        "instead of --dash and --dot."
      })
  private Double lsd;

  @Option(
      names = "--fresh-noise",
      paramLabel = "STEPS",
      description = {
        "Which steps of stochastic samplers draw noise: every, or those that lead to a step of",
        "dash, since Dot tells fresh noise only in part. Default: dash; every with --step-noise."
      })
  private String freshNoise;

  @Option(names = "--no-dot", description = "Only Dash: as --dot 0.")
  private boolean noDot;

  void check(EngineOptions options) {
    if (dash != null) {
      options.range("--dash", dash, 1, MOST_STEPS);
    }
    if (dot != null) {
      options.range("--dot", dot, 0, MOST_STEPS);
    }
    if (noDot && dot != null && dot > 0) {
      throw options.usage("--no-dot and --dot " + dot + " contradict each other: give one");
    }
    if (lsd != null && !(lsd >= 1 && lsd <= MOST_STEPS)) {
      throw options.usage("--lsd must be 1 to " + MOST_STEPS + ", got " + lsd);
    }
    if (freshNoise != null && freshNoise() == null) {
      throw options.usage("--fresh-noise must be every or dash, got '" + freshNoise + "'");
    }
    if (schedule != null && lsd != null) {
      throw options.usage("--schedule and --lsd contradict each other: give one");
    }
    String one = schedule != null ? "--schedule" : lsd != null ? "--lsd" : null;
    if (one != null && (dash != null || dot != null)) {
      throw options.usage(one + " contradicts --dash and --dot: give one or the other");
    }
    if (schedule != null) {
      try {
        Schedule.parse(schedule);
      } catch (InvalidInputException e) {
        throw options.usage("--schedule: " + e.getMessage());
      }
    }
  }

  /** Which steps draw noise; null where it was not asked for. */
  FreshNoise freshNoise() {
    for (FreshNoise f : FreshNoise.values()) {
      if (f.label().equals(freshNoise)) {
        return f;
      }
    }
    return null;
  }

  /** The schedule for a model and a sampler. */
  Schedule schedule(ModelDirectory directory, String sampler, TextDefaults defaults) {
    if (schedule != null) {
      Schedule given = Schedule.parse(schedule);
      return noDot ? Schedule.of(given.count(), 0) : given;
    }
    boolean hasDot = directory.dot().isPresent() && !noDot;
    if (lsd != null) {
      return hasDot ? tuned(directory, sampler) : Schedule.of((int) Math.floor(lsd), 0);
    }
    int dots = noDot ? 0 : dot != null ? dot : hasDot ? 1 : 0;
    int standard = dots > 0 ? TextDefaults.NO_TEXT.dash() : defaults.dash();
    return Schedule.of(dash == null ? standard : dash, dots);
  }

  private Schedule tuned(ModelDirectory directory, String sampler) {
    return TunedSchedules.read(directory)
        .orElseThrow(
            () ->
                new InvalidInputException(
                    "the model '"
                        + directory.path()
                        + "' has no tuned schedule for --lsd: run morse tune, or use --dash and"
                        + " --dot"))
        .find(sampler, lsd)
        .schedule();
  }

  /** The cost that was asked for, to stand behind the one that was spent. */
  String asked() {
    return lsd == null ? "" : String.format(Locale.ROOT, " of %s asked for", lsd);
  }
}
