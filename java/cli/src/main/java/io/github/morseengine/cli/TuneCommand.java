package io.github.morseengine.cli;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.morse.GenerateResult;
import io.github.morseengine.engine.morse.ModelDirectory;
import io.github.morseengine.engine.morse.MorsePipeline;
import io.github.morseengine.engine.morse.Samplers;
import io.github.morseengine.engine.morse.Schedule;
import io.github.morseengine.engine.morse.TunedSchedules;
import java.nio.file.Path;
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
      "The error of a schedule is the mean over the samples of each one's root mean squared",
      "distance to the solution from the same noise, divided by the share of the solutions'",
      "detail (differences of neighbouring pixels) that they have: a blur is near to everything.",
      "Each timestep that a run of ddim stops short of the picture adds a hundredth.",
      "",
      "Stochastic samplers take the schedules of their deterministic kin: ddpm those of",
      "ddim, sde those of ode. Between steps of Dash they draw no noise and so follow them.",
      "",
      "Examples:",
      "  morse tune",
      "  morse tune --quick                               three budgets, few samples",
      "  morse tune --model my-model --batch 4 --samplers dpmpp,euler --budgets 5,10,20"
    })
final class TuneCommand implements Callable<Integer> {

  private static final String BUDGETS = "2,2.5,3,4,5,7,10,14,20,28,40,50";
  private static final String QUICK_BUDGETS = "5,10,20";

  /** Steps of Dash, and of Dot behind each: about as many as the schedules that are found have. */
  private static final int MEASURED_DASH = 6;

  private static final int MEASURED_DOT = 4;

  /** Measuring ends when so many runs in a row were not faster. */
  private static final int STABLE_RUNS = 8;

  private static final int MOST_RUNS = 60;

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
      names = "--samples",
      paramLabel = "N",
      description =
          "Pictures that the best candidates are compared on. Default: 64; with --quick a batch.")
  private Integer samples;

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

  @Option(
      names = "--quick",
      description = "Budgets " + QUICK_BUDGETS + ", 50 fine steps, one batch.")
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
    options.range("--samples", pictures(), 1, 100_000);
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

  private int pictures() {
    return samples != null ? samples : quick ? batch : 64;
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
    Costs measured = measure(pipeline);
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
    int batches = (pictures() + batch - 1) / batch;
    ScheduleSearch.Size size = new ScheduleSearch.Size(batches, batch, seed, steps, ratio);
    report.put("pictures", batches * batch);
    report.put("fine_steps", steps);
    report.put("seed", seed);
    Map<String, Object> all = new LinkedHashMap<>();
    try (Progress progress = new Progress(console, "tuning")) {
      Work work = new Work(progress, samplers.size() * ScheduleSearch.cost(wanted, size));
      for (String sampler : samplers) {
        all.put(sampler, new ScheduleSearch(pipeline, sampler, size, work).run(wanted));
      }
    }
    report.put("samplers", all);
    print(all);
  }

  /** Milliseconds of a step. */
  private record Costs(double dashMs, double dotMs) {}

  /**
   * Costs as they are in a long run: the least of each, since other work on the machine may disturb
   * either. The compiler takes some seconds to make our own kernels fast, which are a larger part
   * of Dot than of Dash: measured at once, Dot seems twice as dear.
   */
  private Costs measure(MorsePipeline pipeline) {
    Setting setting = Setting.unlabelled(samplers.getFirst());
    Schedule some = Schedule.of(MEASURED_DASH, MEASURED_DOT);
    double dash = Double.POSITIVE_INFINITY;
    double dot = Double.POSITIVE_INFINITY;
    WarmUp warm = new WarmUp(STABLE_RUNS);
    for (int i = 0; i < MOST_RUNS && !warm.done(); i++) {
      GenerateResult r = setting.run(pipeline, some, seed, 0, batch, (a, b) -> {});
      warm.add(r.dotMs());
      dash = Math.min(dash, r.dashMs());
      dot = Math.min(dot, r.dotMs());
    }
    return new Costs(dash, dot);
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
                    "  budget %5.1f: LSD %5.2f, distance %.4f, detail %.0f%% (%.4f, %.0f%% without Dot)  %s%n",
                    e.get("budget"),
                    e.get("lsd"),
                    e.get("rmse"),
                    100 * (double) e.get("detail"),
                    e.get("rmse_without_dot"),
                    100 * (double) e.get("detail_without_dot"),
                    e.get("schedule"));
          }
        });
  }
}
