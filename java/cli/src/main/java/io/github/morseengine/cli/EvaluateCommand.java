package io.github.morseengine.cli;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.morse.ModelDirectory;
import io.github.morseengine.engine.morse.MorsePipeline;
import io.github.morseengine.engine.morse.Samplers;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Shows what Morse is worth on a model. */
@Command(
    name = "evaluate",
    description = {
      "Draws with and without Dot at many budgets and compares the quality at equal cost: curves,"
          + " speedups at equal quality, and pictures.",
      "An interrupted evaluation goes on where it was when it is started again."
    },
    sortOptions = false,
    footer = {
      "",
      "Quality is the Fréchet distance to the data on features of the model's own judge",
      "(evaluation/classifier.onnx), and for deterministic samplers the distance of each picture to",
      "the solution of many steps from the same noise. Schedules with Dot are those of morse tune,",
      "where the model was tuned, and otherwise evenly spread.",
      "",
      "Examples:",
      "  morse evaluate --quick                           a first impression, in minutes",
      "  morse evaluate --samplers ddim,dpmpp,ode --out curves",
      "  morse evaluate --guidance labels,2,classifier:2 --samples 4000 --out guided"
    })
final class EvaluateCommand implements Callable<Integer> {

  private static final String BUDGETS = "5,7,10,14,20,28,40,50";
  private static final String QUICK_BUDGETS = "5,10,20";
  private static final int MOST = 10_000_000;

  private final Console console;

  @Option(
      names = "--model",
      paramLabel = "NAME|DIR",
      description = "A shipped model or a model directory. Default: " + ModelLocator.DEFAULT + ".")
  private String model;

  @Option(
      names = "--samplers",
      paramLabel = "LIST",
      split = ",",
      description = "Default: ddim,ddpm,dpmpp,sde,ode; with --quick ddim,dpmpp.")
  private List<String> samplers;

  @Option(
      names = "--guidance",
      paramLabel = "LIST",
      split = ",",
      defaultValue = "none",
      description = {
        "none; labels: pictures of labels that nothing guides; a scale of classifier-free guidance;"
            + " classifier:SCALE. Each with each sampler. Default: none."
      })
  private List<String> guidance;

  @Option(
      names = "--budgets",
      paramLabel = "LIST",
      split = ",",
      description = "Costs in latencies of Dash. Default: " + BUDGETS + "; with --quick 5,10,20.")
  private List<Double> budgets;

  @Option(
      names = "--samples",
      paramLabel = "N",
      description = "Pictures per point. Default: 2000; with --quick 16.")
  private Integer samples;

  @Option(
      names = "--batch",
      paramLabel = "B",
      defaultValue = "16",
      description = "Pictures that a model sees at once. Default: 16.")
  private int batch;

  @Option(
      names = "--fine",
      paramLabel = "N",
      description = "Steps of the solution. Default: 1000; with --quick 100.")
  private Integer fine;

  @Option(
      names = "--fine-samples",
      paramLabel = "N",
      defaultValue = "64",
      description = "Pictures that are compared with the solution. Default: 64.")
  private int fineSamples;

  @Option(
      names = "--dot",
      paramLabel = "K",
      defaultValue = "2",
      description = "Steps of Dot per step of Dash where the model was not tuned. Default: 2.")
  private double dot;

  @Option(
      names = "--seed",
      paramLabel = "S",
      defaultValue = "1",
      description = "Seed of the first batch. Default: 1.")
  private long seed;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      defaultValue = "evaluation",
      description = "Where results go. Default: evaluation.")
  private Path out;

  @Option(names = "--quick", description = "Few budgets, samplers and samples.")
  private boolean quick;

  @Mixin private EngineOptions options;

  EvaluateCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    long begin = System.nanoTime();
    List<Double> wanted = check();
    int pictures = samples != null ? samples : quick ? batch : 2000;
    int steps = fine != null ? fine : quick ? 100 : 1000;
    ModelDirectory directory = ModelLocator.pixels(model, "evaluate");
    if (directory.dot().isEmpty()) {
      throw new InvalidInputException(
          "'" + directory.path() + "' holds no dot.onnx: there is nothing to compare");
    }
    List<Setting> settings = settings(directory);
    // Whole batches, since times of smaller ones do not compare.
    int batches = (pictures + batch - 1) / batch;
    int compared = Math.min(batches, (fineSamples + batch - 1) / batch);
    Evaluation.Size size = new Evaluation.Size(wanted, batch, batches, steps, compared, seed, dot);
    try (Engine engine = options.open(console);
        MorsePipeline pipeline = MorsePipeline.open(engine, directory)) {
      EvaluationStore store =
          EvaluationStore.open(out, identity(directory, engine, settings, size));
      try (Evaluation evaluation = new Evaluation(engine, pipeline, settings, size, store)) {
        try (Progress progress = new Progress(console, "evaluating")) {
          evaluation.run(progress);
        }
        EvaluationReport results = evaluation.report(quick ? 40 : 200);
        results.write(store);
        evaluation.pictures(store.file("side-by-side.png"));
        results.print(console);
        Report report = options.report("evaluate", directory.path().toString(), engine);
        results.fill(report);
        options.write(report, begin);
        report.write(store.file("report.json"));
      }
    }
    console.out().println("curves.csv, report.json, curves.png, side-by-side.png -> " + out);
    return 0;
  }

  private List<Double> check() {
    options.check();
    options.range("--batch", batch, 1, 100_000);
    if (samples != null) {
      options.range("--samples", samples, 2, MOST);
    }
    if (fine != null) {
      options.range("--fine", fine, 2, 100_000);
    }
    options.range("--fine-samples", fineSamples, 1, MOST);
    if (!(dot > 0 && dot <= 100)) {
      throw options.usage("--dot must be above 0 and at most 100, got " + dot);
    }
    List<Double> wanted =
        budgets != null ? budgets : EvaluationBudgets.parse(quick ? QUICK_BUDGETS : BUDGETS);
    EvaluationBudgets.check(options, wanted);
    return wanted;
  }

  private List<Setting> settings(ModelDirectory directory) {
    List<String> names =
        samplers != null
            ? samplers
            : quick ? List.of("ddim", "dpmpp") : List.of("ddim", "ddpm", "dpmpp", "sde", "ode");
    List<Setting> out = new ArrayList<>();
    LabelOrder order = null;
    for (String g : guidance) {
      boolean classified = g.startsWith("classifier:");
      boolean guides = !g.equals("none") && !g.equals("labels");
      double scale = guides ? scale(classified ? g.substring(11) : g) : 1;
      if (!g.equals("none") && directory.labels().isEmpty()) {
        throw new InvalidInputException(
            "'"
                + directory.path()
                + "' has no labels.txt: --guidance "
                + g
                + " has nothing to ask for");
      }
      if (!g.equals("none") && order == null) {
        order = LabelOrder.of(directory);
      }
      for (String name : names) {
        try {
          Samplers.check(name);
        } catch (InvalidInputException e) {
          throw options.usage("--samplers: " + e.getMessage());
        }
        out.add(
            new Setting(
                name,
                classified ? 1 : scale,
                classified ? scale : 0,
                g.equals("none") ? null : order));
      }
    }
    return out;
  }

  private double scale(String text) {
    try {
      double v = Double.parseDouble(text);
      if (v > 0 && v <= 1000) {
        return v;
      }
    } catch (NumberFormatException e) {
      // The message below says it.
    }
    throw options.usage(
        "--guidance takes none, labels, a scale or classifier:SCALE, got '" + text + "'");
  }

  private Map<String, Object> identity(
      ModelDirectory directory, Engine engine, List<Setting> settings, Evaluation.Size size) {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("model", Fingerprint.of(directory.path()));
    out.put("settings", String.join(",", settings.stream().map(Setting::name).toList()));
    out.put("budgets", size.budgets().toString());
    out.put("batch", size.batch());
    out.put("batches", size.batches());
    out.put("fine_steps", size.steps());
    out.put("fine_batches", size.compared());
    out.put("seed", size.seed());
    out.put("dot", size.dot());
    out.put("backend", engine.backendName());
    out.put("precision", engine.precision().label());
    out.put("threads", engine.threads());
    return out;
  }
}
