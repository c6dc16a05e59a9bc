package io.github.morseengine.cli;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.morse.GenerateResult;
import io.github.morseengine.engine.morse.ModelDirectory;
import io.github.morseengine.engine.morse.MorsePipeline;
import io.github.morseengine.engine.morse.Samplers;
import io.github.morseengine.engine.morse.Schedule;
import io.github.morseengine.engine.morse.ScheduleCandidates;
import io.github.morseengine.engine.morse.TunedSchedules;
import io.github.morseengine.engine.tensor.Tensor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Finds the best schedules of a model. */
@Command(
    name = "tune",
    description = {
      "Measures Dash and Dot and finds, for each budget, the schedule whose samples are nearest to a"
          + " solution of many steps.",
      "The schedules go into "
          + TunedSchedules.FILE
          + " beside the model; generate --lsd uses them."
    },
    sortOptions = false,
    footer = {
      "",
      "Stochastic samplers take the schedules of their deterministic kin: ddpm those of ddim, sde",
      "those of ode. Between steps of Dash they draw no noise and so follow them.",
      "",
      "Examples:",
      "  morse tune",
      "  morse tune --quick                               three budgets, few samples",
      "  morse tune --model my-model --batch 4 --samplers dpmpp,euler --budgets 5,10,20"
    })
final class TuneCommand implements Callable<Integer> {

  private static final String BUDGETS = "2,3,4,5,7,10,14,20,28,40,50";
  private static final String QUICK_BUDGETS = "5,10,20";
  private static final int MEASURED_STEPS = 12;
  private static final int REFINED = 2;

  /** Measuring ends when so many runs in a row were not faster by a share of 3 %. */
  private static final int STABLE_RUNS = 8;

  private static final int MOST_RUNS = 60;
  private static final double STABLE = 0.03;

  private final Console console;

  @Option(
      names = "--model",
      paramLabel = "NAME|DIR",
      description = "A shipped model or a model directory. Default: " + ModelLocator.DEFAULT + ".")
  private String model;

  @Option(
      names = "--batch",
      paramLabel = "B",
      defaultValue = "16",
      description =
          "Pictures that a model sees at once: costs are those of this batch. Default: 16.")
  private int batch;

  @Option(
      names = "--samplers",
      paramLabel = "LIST",
      split = ",",
      defaultValue = "ddim,dpmpp,ode",
      description = "Deterministic samplers. Default: ddim,dpmpp,ode.")
  private List<String> samplers;

  @Option(
      names = "--budgets",
      paramLabel = "LIST",
      split = ",",
      description = "Costs in latencies of Dash. Default: " + BUDGETS + ".")
  private List<Double> budgets;

  @Option(
      names = "--fine",
      paramLabel = "N",
      description = "Steps of the solution that errors are measured against. Default: 200.")
  private Integer fine;

  @Option(
      names = "--seed",
      paramLabel = "S",
      defaultValue = "77000",
      description = "Seed of the held samples. Default: 77000.")
  private long seed;

  @Option(
      names = "--out",
      paramLabel = "FILE",
      description = "Where to write. Default: " + TunedSchedules.FILE + " beside the model.")
  private Path out;

  @Option(names = "--quick", description = "Budgets " + QUICK_BUDGETS + " and 50 fine steps.")
  private boolean quick;

  @Mixin private EngineOptions options;

  TuneCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    long begin = System.nanoTime();
    options.check();
    options.range("--batch", batch, 1, 100_000);
    List<Double> wanted =
        budgets != null ? budgets : EvaluationBudgets.parse(quick ? QUICK_BUDGETS : BUDGETS);
    EvaluationBudgets.check(options, wanted);
    int steps = fine != null ? fine : quick ? 50 : 200;
    options.range("--fine", steps, 2, 100_000);
    ModelDirectory directory = ModelLocator.pixels(model, "tune");
    if (directory.dot().isEmpty()) {
      throw new InvalidInputException(
          "'" + directory.path() + "' holds no dot.onnx: there is nothing to tune");
    }
    checkSamplers(directory);
    Path file = out != null ? out : directory.path().resolve(TunedSchedules.FILE);
    OutputFiles.requireWritable(file);
    try (Engine engine = options.open(console);
        MorsePipeline pipeline = MorsePipeline.open(engine, directory)) {
      Report report = options.report("tune", directory.path().toString(), engine);
      tune(pipeline, wanted, steps, report);
      // The file travels with the model: no path of this machine goes into it.
      report.put("model", directory.path().getFileName().toString());
      report.write(file);
      report.put("model", directory.path().toString());
      report.put("file", file.toString());
      console.out().println("schedules -> " + file);
      options.write(report, begin);
    }
    return 0;
  }

  private void checkSamplers(ModelDirectory directory) {
    for (String s : samplers) {
      try {
        Samplers.check(s);
      } catch (InvalidInputException e) {
        throw options.usage("--samplers: " + e.getMessage());
      }
      if (!Samplers.of(s, directory.scheduler(), 0).table(2).deterministic()) {
        throw options.usage(
            "--samplers: "
                + s
                + " draws noise, so no solution tells its error: tune "
                + TunedSchedules.basis(s)
                + ", whose schedules it takes");
      }
    }
  }

  private void tune(MorsePipeline pipeline, List<Double> wanted, int steps, Report report) {
    GenerateResult measured = measure(pipeline);
    double ratio = measured.dotMs() / measured.dashMs();
    console
        .out()
        .printf(
            Locale.ROOT,
            "at batch %d: t_dash %.2f ms, t_dot %.2f ms (%.1fx)%n",
            batch,
            measured.dashMs(),
            measured.dotMs(),
            1 / ratio);
    report.put("batch", batch);
    report.put("t_dash_ms", measured.dashMs());
    report.put("t_dot_ms", measured.dotMs());
    report.put("fine_steps", steps);
    report.put("seed", seed);
    Map<String, Object> all = new LinkedHashMap<>();
    try (Progress progress = new Progress(console, "tuning")) {
      Work work = new Work(progress, samplers.size() * cost(wanted, steps, ratio));
      for (String sampler : samplers) {
        Trial trial = new Trial(pipeline, sampler, seed, batch, ratio, work);
        all.put(sampler, search(trial, wanted, steps));
      }
    }
    report.put("samplers", all);
    print(all);
  }

  /**
   * Costs as they are in a long run. The compiler takes some seconds to make our own kernels fast,
   * which are a larger part of Dot than of Dash: measured at once, Dot seems twice as dear.
   */
  private GenerateResult measure(MorsePipeline pipeline) {
    Setting setting = Setting.unlabelled(samplers.getFirst());
    Schedule alternating = Schedule.of(MEASURED_STEPS, 1);
    GenerateResult best = null;
    int since = 0;
    for (int i = 0; i < MOST_RUNS && since < STABLE_RUNS; i++) {
      GenerateResult r = setting.run(pipeline, alternating, seed, 0, batch, (a, b) -> {});
      since++;
      if (best == null || r.dotMs() < best.dotMs() * (1 - STABLE)) {
        since = 0;
      }
      best = best == null || r.dotMs() < best.dotMs() ? r : best;
    }
    return best;
  }

  private static double cost(List<Double> wanted, int steps, double ratio) {
    double sum = steps;
    for (double b : wanted) {
      double candidates = ScheduleCandidates.even(b, ratio).size() + 4.0 * REFINED;
      sum += b * candidates;
    }
    return sum;
  }

  /** A schedule that was tried. */
  private record Tried(Schedule schedule, double rmse) {}

  /** What one sampler's schedules are tried on. */
  private record Trial(
      MorsePipeline pipeline, String sampler, long seed, int batch, double ratio, Work work) {

    Tensor run(Schedule s) {
      return Setting.unlabelled(sampler)
          .run(pipeline, s, seed, 0, batch, work.of(s, ratio))
          .latents();
    }

    Tried attempt(Schedule s, Tensor solution) {
      try {
        return new Tried(s, Errors.rmse(run(s), solution));
      } catch (InvalidInputException e) {
        // A sampler may have no run of that length.
        return new Tried(s, Double.POSITIVE_INFINITY);
      }
    }
  }

  private static List<Map<String, Object>> search(Trial trial, List<Double> wanted, int steps) {
    Tensor solution = trial.run(Schedule.of(steps, 0));
    List<Map<String, Object>> out = new ArrayList<>();
    Tried best = null;
    for (double budget : wanted.stream().sorted().toList()) {
      List<Tried> tried = new ArrayList<>();
      for (Schedule s : ScheduleCandidates.even(budget, trial.ratio())) {
        tried.add(trial.attempt(s, solution));
      }
      Tried without = tried.getFirst();
      tried.sort(java.util.Comparator.comparingDouble(Tried::rmse));
      for (Tried t : List.copyOf(tried.subList(0, Math.min(REFINED, tried.size())))) {
        for (Schedule s : ScheduleCandidates.respread(t.schedule())) {
          tried.add(trial.attempt(s, solution));
        }
      }
      if (best != null) {
        // What a smaller budget paid for is within this one, too.
        tried.add(best);
      }
      tried.sort(java.util.Comparator.comparingDouble(Tried::rmse));
      best = tried.getFirst();
      Map<String, Object> entry = new LinkedHashMap<>();
      entry.put("budget", budget);
      entry.put("lsd", best.schedule().lsd(trial.ratio()));
      entry.put("schedule", best.schedule().toString());
      entry.put("rmse", best.rmse());
      entry.put("rmse_without_dot", without.rmse());
      out.add(entry);
    }
    return out;
  }

  private void print(Map<String, Object> all) {
    all.forEach(
        (sampler, entries) -> {
          console.out().println(sampler);
          for (Object o : (List<?>) entries) {
            Map<?, ?> e = (Map<?, ?>) o;
            console
                .out()
                .printf(
                    Locale.ROOT,
                    "  budget %5.1f: LSD %5.2f, error %.4f (%.4f without Dot)  %s%n",
                    e.get("budget"),
                    e.get("lsd"),
                    e.get("rmse"),
                    e.get("rmse_without_dot"),
                    e.get("schedule"));
          }
        });
  }
}
