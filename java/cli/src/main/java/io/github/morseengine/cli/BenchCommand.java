package io.github.morseengine.cli;

import io.github.morseengine.engine.CompileOptions;
import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.backend.SampleUpdate;
import io.github.morseengine.engine.graph.onnx.OnnxModel;
import io.github.morseengine.engine.morse.ModelDirectory;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Measures the steps of a model. */
@Command(
    name = "bench",
    description = "Measures Dash, Dot and the update, or one ONNX file; medians.",
    sortOptions = false,
    footer = {
      "",
      "Examples:",
      "  morse bench",
      "  morse bench --batch 16 --verbose              the operators, too",
      "  morse bench --model unet.onnx --shape sample=1,4,64,64"
    })
final class BenchCommand implements Callable<Integer> {

  private static final int MOST_BATCH = 1_000_000;
  private static final int MOST_ITERATIONS = 1_000_000;
  private static final int WARM_RUNS = 5;

  private static final long LEAST_WARM_NANOS = 3_000_000_000L;

  /** Longer than this is not waited for runs to stop getting faster. */
  private static final long MOST_WARM_NANOS = 20_000_000_000L;

  private static final int STABLE_RUNS = 100;

  private static final int PROFILED = 5;
  private static final int UPDATES = 20;

  private final Console console;

  @Option(
      names = "--model",
      paramLabel = "NAME|DIR|FILE.onnx",
      description =
          "A shipped model, a directory or a file. Default: " + ModelLocator.DEFAULT + ".")
  private String model;

  @Option(
      names = "--batch",
      paramLabel = "B",
      defaultValue = "1",
      description = "Pictures per run. Default: 1.")
  private int batch;

  @Option(
      names = "--iterations",
      paramLabel = "N",
      defaultValue = "30",
      description = "Measured runs of each. Default: 30.")
  private int iterations;

  @Option(
      names = "--shape",
      paramLabel = "NAME=N,C,H,W",
      description = "Binds the open dimensions of an input. Default: sides of 32.")
  private List<String> shape;

  @Mixin private EngineOptions options;

  BenchCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    long begin = System.nanoTime();
    options.check();
    options.range("--batch", batch, 1, MOST_BATCH);
    options.range("--iterations", iterations, 1, MOST_ITERATIONS);
    Map<String, String> shapes = options.pairs("--shape", shape);
    boolean single = model != null && Files.isRegularFile(Path.of(model));
    Path target = single ? Path.of(model) : ModelLocator.directory(model);
    ModelDirectory directory = single ? null : ModelDirectory.open(target);
    try (Engine engine = options.open(console);
        Measured dash = compile(engine, single ? target : directory.dash(), shapes, null);
        Measured dot =
            single || directory.dot().isEmpty()
                ? null
                : compile(engine, directory.dot().get(), shapes, dash.inputNames())) {
      Latency update = single ? null : new Latency();
      double before = PeakRate.measure(engine);
      measure(engine, dash, dot, update);
      // Taken on both sides, since other work on the machine may disturb either.
      double peak = Math.max(before, PeakRate.measure(engine));
      double rate = dash.flops() / (dash.ms() / 1e3);
      print(target, dash, dot, update, rate, peak);
      Report report = options.report("bench", target.toString(), engine);
      report.put("batch", batch);
      report.put("dash_ms", dash.ms());
      report.put("dot_ms", dot == null ? null : dot.ms());
      report.put("update_ms", update == null ? null : update.median());
      report.put("flops", dash.flops());
      report.put("flops_per_second", rate);
      report.put("bytes_per_second", dash.bytes() / (dash.ms() / 1e3));
      report.put("peak_flops_per_second", peak);
      report.put("peak_fraction", rate / peak);
      report.put("operators", table(dash));
      options.write(report, begin);
    }
    return 0;
  }

  /**
   * Compiles a model.
   *
   * @param changing inputs that change from run to run; null for all. What else Dot takes stays the
   *     same from a step of Dash to the next, as in a generation.
   */
  private Measured compile(
      Engine engine, Path file, Map<String, String> shapes, Set<String> changing) {
    try (OnnxModel onnx = OnnxModel.open(file)) {
      CompileOptions.Builder wanted = CompileOptions.builder();
      InputShapes.of(onnx, shapes, batch).inputShapes().forEach(wanted::input);
      if (changing != null) {
        onnx.inputs().stream()
            .map(OnnxModel.Port::name)
            .filter(n -> !changing.contains(n))
            .forEach(wanted::constant);
      }
      return new Measured(engine.compile(onnx, wanted.build()));
    }
  }

  /** Takes the models in turn, so that a change of the machine's speed meets all alike. */
  private void measure(Engine engine, Measured dash, Measured dot, Latency update) {
    Update step = update == null ? null : new Update(engine, dash.elements());
    try (Progress progress = new Progress(console, "measuring")) {
      progress.step(0, iterations);
      warm(dash, dot, step);
      for (int i = 0; i < iterations; i++) {
        turn(dash, dot, true);
        progress.step(i + 1, iterations);
      }
      for (int i = 0; i < iterations; i++) {
        updates(step, update);
      }
    }
    for (int i = 0; i < PROFILED; i++) {
      dash.profile();
      if (dot != null) {
        dot.profile();
      }
    }
  }

  private static void warm(Measured dash, Measured dot, Update step) {
    long begin = System.nanoTime();
    WarmUp warm = new WarmUp(STABLE_RUNS);
    long spent = 0;
    for (int i = 0;
        i < WARM_RUNS || spent < LEAST_WARM_NANOS || (!warm.done() && spent < MOST_WARM_NANOS);
        i++) {
      dash.run(false);
      // Of Dot, our own kernels are a larger part than of Dash.
      long last = System.nanoTime();
      (dot == null ? dash : dot).run(false);
      warm.add(System.nanoTime() - last);
      updates(step, new Latency());
      spent = System.nanoTime() - begin;
    }
  }

  private static void turn(Measured dash, Measured dot, boolean count) {
    dash.run(count);
    if (dot != null) {
      dot.run(count);
    }
  }

  private static void updates(Update step, Latency latency) {
    for (int k = 0; step != null && k < UPDATES; k++) {
      step.run(latency);
    }
  }

  /** The fused residual-feedback step on samples of the model's size. */
  private static final class Update {

    private final SampleUpdate update;
    private final SampleUpdate.Memory memory;
    private final SampleUpdate.Factors factors =
        SampleUpdate.Factors.of(0.5, -0.5, 1, 0.5, 0.25, 0.25, 0);
    private final long elements;

    Update(Engine engine, long elements) {
      this.update = engine.sampleUpdate();
      this.elements = elements;
      Tensor[] t = new Tensor[4];
      for (int i = 0; i < t.length; i++) {
        t[i] = Tensor.allocate(DType.FLOAT32, elements);
      }
      this.memory =
          SampleUpdate.Memory.of(t[0].data(), t[1].data(), t[2].data(), null, t[3].data());
    }

    void run(Latency latency) {
      long begin = System.nanoTime();
      update.apply(factors, Double.NaN, memory, 0, elements);
      latency.add(System.nanoTime() - begin);
    }
  }

  private static List<Map<String, Object>> table(Measured model) {
    List<Map<String, Object>> out = new ArrayList<>();
    for (Measured.Operator o : model.operators()) {
      Map<String, Object> entry = new LinkedHashMap<>();
      entry.put("name", o.name());
      entry.put("ms", o.ms());
      entry.put("share", o.share());
      out.add(entry);
    }
    return out;
  }

  private void print(
      Path target, Measured dash, Measured dot, Latency update, double rate, double peak) {
    PrintStream out = console.out();
    out.printf(Locale.ROOT, "%s at batch %d: dash %.3f ms", target, batch, dash.ms());
    if (dot != null) {
      out.printf(Locale.ROOT, ", dot %.3f ms (%.1fx)", dot.ms(), dash.ms() / dot.ms());
    }
    if (update != null) {
      out.printf(Locale.ROOT, ", update %.4f ms", update.median());
    }
    out.println();
    out.printf(
        Locale.ROOT,
        "%.1f GFLOP/s = %.0f%% of the %.1f GFLOP/s of large convolutions and products here; %.1f"
            + " GB/s%n",
        rate / 1e9,
        100 * rate / peak,
        peak / 1e9,
        dash.bytes() / (dash.ms() / 1e3) / 1e9);
    if (options.verbose()) {
      operators(out, dot == null ? "operators" : "operators of dash", dash);
      if (dot != null) {
        operators(out, "operators of dot", dot);
      }
    }
  }

  private static void operators(PrintStream out, String title, Measured model) {
    out.println(title);
    for (Measured.Operator o : model.operators()) {
      out.printf(Locale.ROOT, "  %-48s %9.3f ms %5.1f%%%n", o.name(), o.ms(), 100 * o.share());
    }
  }
}
