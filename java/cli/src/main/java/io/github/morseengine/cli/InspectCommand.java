package io.github.morseengine.cli;

import io.github.morseengine.engine.CompiledModel;
import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.backend.Executable;
import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.error.MorseException;
import io.github.morseengine.engine.graph.onnx.OnnxModel;
import io.github.morseengine.engine.morse.ModelDirectory;
import java.io.PrintStream;
import java.nio.file.Files;
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
import picocli.CommandLine.Parameters;

/** Tells what a model is. */
@Command(
    name = "inspect",
    description = "Tells inputs, outputs, operators, FLOPs and what Dash and Dot share.",
    sortOptions = false,
    footer = {
      "",
      "Examples:",
      "  morse inspect model.onnx",
      "  morse inspect unet.onnx --shape sample=1,4,64,64 --verbose   the plan, step by step",
      "  morse inspect onnx-models/shipped/emoji32 --json report.json"
    })
final class InspectCommand implements Callable<Integer> {

  private final Console console;

  @Parameters(paramLabel = "FILE|DIR", description = "An ONNX file or a model directory.")
  private Path target;

  @Option(
      names = "--shape",
      paramLabel = "NAME=N,C,H,W",
      description = "Binds the open dimensions of an input. Default: batch 1, sides of 32.")
  private List<String> shape;

  @Mixin private EngineOptions options;

  InspectCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    long begin = System.nanoTime();
    options.check();
    Map<String, String> shapes = options.pairs("--shape", shape);
    if (!Files.exists(target)) {
      throw new InvalidInputException(
          "there is no '" + target + "': give an .onnx file or a model directory");
    }
    try (Engine engine = options.open(console)) {
      Report report = options.report("inspect", target.toString(), engine);
      if (Files.isDirectory(target)) {
        directory(engine, report, shapes);
      } else {
        try (Inspection only = inspect(engine, target, shapes)) {
          report.values().putAll(only.values());
        }
      }
      options.write(report, begin);
    }
    return 0;
  }

  private void directory(Engine engine, Report report, Map<String, String> shapes) {
    ModelDirectory directory = ModelDirectory.open(target);
    try (Inspection dash = inspect(engine, directory.dash(), shapes)) {
      report.put("dash", dash.values());
      Map<Long, Long> dashBuffers = dash.weightBuffers();
      Map<Long, Long> dotBuffers = Map.of();
      if (directory.dot().isPresent()) {
        try (Inspection dot = inspect(engine, directory.dot().get(), shapes)) {
          report.put("dot", dot.values());
          dotBuffers = dot.weightBuffers();
        }
      }
      Map<Long, Long> shared = new LinkedHashMap<>(dashBuffers);
      shared.keySet().retainAll(dotBuffers.keySet());
      long dashBytes = sum(dashBuffers);
      long dotBytes = sum(dotBuffers);
      report.put("dash_bytes", dashBytes);
      report.put("dot_bytes", dotBytes);
      report.put("shared_bytes", sum(shared));
      report.put("device_bytes", dashBytes + dotBytes - sum(shared));
      console
          .out()
          .printf(
              Locale.ROOT,
              "weights: Dash %,d bytes, Dot %,d bytes, shared %,d bytes, on the device %,d bytes%n",
              dashBytes,
              dotBytes,
              sum(shared),
              dashBytes + dotBytes - sum(shared));
    }
  }

  private static long sum(Map<Long, Long> buffers) {
    return buffers.values().stream().mapToLong(Long::longValue).sum();
  }

  private Inspection inspect(Engine engine, Path file, Map<String, String> shapes) {
    try (OnnxModel model = OnnxModel.open(file)) {
      Inspection out = Inspection.of(engine, model, shapes);
      PrintStream text = console.out();
      text.println(file);
      out.print(text, options.verbose());
      return out;
    }
  }

  /** What was found in one file, with its compiled form where it compiles. */
  private record Inspection(Map<String, Object> values, CompiledModel compiled, String notCompiled)
      implements AutoCloseable {

    static Inspection of(Engine engine, OnnxModel model, Map<String, String> shapes) {
      Map<String, Object> values = new LinkedHashMap<>();
      values.put("inputs", ports(model.inputs()));
      values.put("outputs", ports(model.outputs()));
      values.put("operators", model.operators());
      List<Map<String, Object>> unsupported = new ArrayList<>();
      for (OnnxModel.Unsupported u : model.unsupported()) {
        Map<String, Object> entry = new LinkedHashMap<>();
        entry.put("node", u.node());
        entry.put("operator", u.operator());
        entry.put("reason", u.reason());
        unsupported.add(entry);
      }
      values.put("unsupported", unsupported);
      values.put("parameters", model.parameters());
      values.put("flops", null);
      if (!unsupported.isEmpty()) {
        return new Inspection(values, null, unsupported.size() + " nodes are unsupported");
      }
      try {
        CompiledModel compiled = engine.compile(model, InputShapes.of(model, shapes, 1));
        values.put("flops", compiled.steps().stream().mapToLong(Executable.StepInfo::flops).sum());
        return new Inspection(values, compiled, null);
      } catch (MorseException e) {
        if (!shapes.isEmpty()) {
          throw e;
        }
        return new Inspection(values, null, e.getMessage() + "; try --shape");
      }
    }

    private static Map<String, Object> ports(List<OnnxModel.Port> ports) {
      Map<String, Object> out = new LinkedHashMap<>();
      for (OnnxModel.Port p : ports) {
        Map<String, Object> port = new LinkedHashMap<>();
        List<Object> dims = p.dims() == null ? null : new ArrayList<>();
        if (dims != null) {
          p.dims().forEach(d -> dims.add(d.isFixed() ? (Object) d.size() : d.toString()));
        }
        port.put("shape", dims);
        port.put("dtype", p.dtype() == null ? null : p.dtype().label());
        out.put(p.name(), port);
      }
      return out;
    }

    Map<Long, Long> weightBuffers() {
      return compiled == null ? Map.of() : compiled.weightBuffers();
    }

    void print(PrintStream out, boolean verbose) {
      out.println("  inputs      " + portText("inputs"));
      out.println("  outputs     " + portText("outputs"));
      out.println("  operators   " + values.get("operators"));
      out.printf(Locale.ROOT, "  parameters  %,d%n", (Long) values.get("parameters"));
      if (compiled == null) {
        out.println("  not run     " + notCompiled);
        for (Object u : (List<?>) values.get("unsupported")) {
          Map<?, ?> node = (Map<?, ?>) u;
          out.println(
              "    " + node.get("node") + " (" + node.get("operator") + "): " + node.get("reason"));
        }
        return;
      }
      List<Executable.StepInfo> steps = compiled.steps();
      out.printf(Locale.ROOT, "  flops       %,d%n", (Long) values.get("flops"));
      out.printf(
          Locale.ROOT,
          "  plan        %d steps, arena %,d bytes (lower bound %,d)%n",
          steps.size(),
          compiled.arenaBytes(),
          compiled.arenaLowerBound());
      if (verbose) {
        for (Executable.StepInfo s : steps) {
          out.printf(
              Locale.ROOT,
              "    %-44s %-34s %13d flops %11d bytes  %s%n",
              s.kind(),
              s.kernel(),
              s.flops(),
              s.bytes(),
              s.name());
        }
      }
    }

    private String portText(String key) {
      List<String> out = new ArrayList<>();
      ((Map<?, ?>) values.get(key))
          .forEach(
              (name, port) ->
                  out.add(
                      name
                          + " "
                          + ((Map<?, ?>) port).get("dtype")
                          + ((Map<?, ?>) port).get("shape")));
      return String.join(", ", out);
    }

    @Override
    public void close() {
      if (compiled != null) {
        compiled.close();
      }
    }
  }
}
