package io.github.morseengine.cli;

import io.github.morseengine.engine.CompileOptions;
import io.github.morseengine.engine.CompiledModel;
import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.Session;
import io.github.morseengine.engine.backend.Executable;
import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.graph.onnx.OnnxModel;
import io.github.morseengine.engine.tensor.Npy;
import io.github.morseengine.engine.tensor.Tensor;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Runs an ONNX graph on arrays. */
@Command(
    name = "run",
    description = "Runs an ONNX model on .npy files and writes each output as NAME.npy.",
    sortOptions = false,
    footer = {
      "",
      "Examples:",
      "  morse run model.onnx --input x=x.npy",
      "  morse run unet.onnx --input sample=x.npy --input timestep=t.npy --out-dir results",
      "  morse run model.onnx --input x=x.npy --warmup 5 --iterations 50 --json report.json"
    })
final class RunCommand implements Callable<Integer> {

  private static final int MOST_ITERATIONS = 1_000_000;

  private final Console console;

  @Parameters(paramLabel = "MODEL.onnx", description = "The model.")
  private Path model;

  @Option(
      names = "--input",
      paramLabel = "NAME=FILE.npy",
      description = "An input; its shape binds dynamic dimensions.")
  private List<String> input;

  @Option(
      names = "--out-dir",
      paramLabel = "DIR",
      description = "Where outputs go. Default: the current folder.")
  private Path outDir = Path.of("");

  @Option(
      names = "--warmup",
      paramLabel = "W",
      defaultValue = "0",
      description = "Runs before the measured ones. Default: 0.")
  private int warmup;

  @Option(
      names = "--iterations",
      paramLabel = "N",
      defaultValue = "1",
      description = "Measured runs. Default: 1.")
  private int iterations;

  @Mixin private EngineOptions options;

  RunCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    long begin = System.nanoTime();
    options.check();
    options.range("--warmup", warmup, 0, MOST_ITERATIONS);
    options.range("--iterations", iterations, 1, MOST_ITERATIONS);
    Map<String, String> files = options.pairs("--input", input);
    OutputFiles.requireWritableFolder(outDir);
    try (OnnxModel onnx = OnnxModel.open(model);
        Engine engine = options.open(console)) {
      Map<String, Tensor> values = RunInputs.read(onnx, files);
      CompileOptions.Builder shapes = CompileOptions.builder();
      values.forEach((name, value) -> shapes.input(name, value.shape()));
      long compileBegin = System.nanoTime();
      try (CompiledModel compiled = engine.compile(onnx, shapes.build());
          Session session = compiled.newSession()) {
        double compileMs = (System.nanoTime() - compileBegin) / 1e6;
        Latency latency = measure(session, values);
        Map<String, Object> outputs = write(compiled, session);
        print(latency, compileMs, outputs);
        Report report = options.report("run", model.toString(), engine);
        report.put("latency_ms", latency.values());
        report.put("iterations", iterations);
        report.put("compile_ms", compileMs);
        report.put("weight_bytes", engine.weightBytes());
        report.put("arena_bytes", compiled.arenaBytes());
        report.put("outputs", outputs);
        options.write(report, begin);
      }
    }
    return 0;
  }

  private Latency measure(Session session, Map<String, Tensor> values) {
    Latency latency = new Latency();
    try (Progress progress = new Progress(console, "running")) {
      int total = warmup + iterations;
      for (int i = 0; i < total; i++) {
        values.forEach(session::setInput);
        long begin = System.nanoTime();
        session.run();
        if (i >= warmup) {
          latency.add(System.nanoTime() - begin);
        }
        if (total > 1) {
          progress.step(i + 1, total);
        }
      }
    }
    return latency;
  }

  private Map<String, Object> write(CompiledModel compiled, Session session) {
    OutputFiles.makeFolder(outDir);
    Map<String, Path> files = new LinkedHashMap<>();
    for (Executable.Port port : compiled.outputs()) {
      Path file = outDir.resolve(port.name().replaceAll("[/\\\\:\u0000]", "_") + ".npy");
      if (files.containsValue(file)) {
        throw new InvalidInputException(
            "two outputs would be written to '" + file + "': rename one of " + files.keySet());
      }
      files.put(port.name(), file);
    }
    Map<String, Object> shapes = new LinkedHashMap<>();
    for (Executable.Port port : compiled.outputs()) {
      Npy.write(files.get(port.name()), session.output(port.name()));
      shapes.put(port.name(), port.shape());
    }
    return shapes;
  }

  private void print(Latency latency, double compileMs, Map<String, Object> outputs) {
    outputs.forEach(
        (name, shape) ->
            console.out().println(name + " " + java.util.Arrays.toString((long[]) shape)));
    console
        .out()
        .printf(
            Locale.ROOT,
            "%d runs: median %.3f ms, min %.3f ms, p90 %.3f ms; compiled in %.0f ms%n",
            iterations,
            latency.quantile(0.5),
            latency.quantile(0),
            latency.quantile(0.9),
            compileMs);
  }
}
