package io.github.morseengine.jmh.peers;

import io.github.morseengine.engine.CompiledModel;
import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.Session;
import io.github.morseengine.engine.backend.Precision;
import io.github.morseengine.engine.graph.onnx.OnnxModel;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.jmh.Check;
import io.github.morseengine.jmh.Inputs;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * One measurement of {@link LargeTable}, in a process of its own, because the kernel counts a
 * process's peak once and for all. Prints lines of a key and a number.
 */
final class LargeProcess {

  /** fp32 sums in another order, through some hundred layers. */
  private static final double TOLERANCE = 2e-3;

  /** Eight bits of mantissa, through some hundred layers. */
  private static final double TOLERANCE_BF16 = 0.2;

  private static final int RUNS = 2;
  private static final long PAUSE_MILLIS = 50;

  private final LargeCase what;
  private final int threads;
  private final Precision precision;

  private LargeProcess(LargeCase what, int threads, Precision precision) {
    this.what = what;
    this.threads = threads;
    this.precision = precision;
  }

  /**
   * Measures.
   *
   * @param args folder, case, morse or ort or both, threads, precision, rounds
   */
  public static void main(String[] args) throws IOException {
    LargeCase found =
        LargeCase.in(Path.of(args[0])).stream()
            .filter(c -> c.name().equals(args[1]))
            .findFirst()
            .orElseThrow();
    LargeProcess process =
        new LargeProcess(found, Integer.parseInt(args[3]), Precision.valueOf(args[4]));
    switch (args[2]) {
      case "morse" -> process.morse();
      case "ort" -> process.ort();
      default -> process.both(Integer.parseInt(args[5]));
    }
  }

  private Engine open() {
    return Engine.builder().backend("cpu").threads(threads).precision(precision).build();
  }

  private void morse() throws IOException {
    try (Engine engine = open()) {
      long begin = System.nanoTime();
      try (CompiledModel model = load(engine);
          Session session = model.newSession()) {
        say("load_ms", (System.nanoTime() - begin) / 1e6);
        say("load_peak_bytes", peak());
        Inputs.random(model).forEach(session::setInput);
        for (int i = 0; i < RUNS; i++) {
          session.run();
        }
        say("peak_bytes", peak());
        say("weight_bytes", engine.weightBytes());
        say("arena_bytes", model.arenaBytes());
        long weights = engine.weightBytes();
        begin = System.nanoTime();
        CompiledModel again = load(engine);
        say("again_ms", (System.nanoTime() - begin) / 1e6);
        say("again_bytes", engine.weightBytes() - weights);
        again.close();
      }
    }
  }

  private CompiledModel load(Engine engine) {
    return load(engine, Set.of());
  }

  private CompiledModel load(Engine engine, Set<String> constants) {
    try (OnnxModel model = OnnxModel.open(what.model().file())) {
      return engine.compile(model, what.model().options(model, constants));
    }
  }

  private void ort() throws IOException {
    Map<String, Tensor> inputs;
    try (OnnxModel model = OnnxModel.open(what.model().file())) {
      inputs = Inputs.random(what.model().ports(model));
    }
    long begin = System.nanoTime();
    try (OrtRunner runner = new OrtRunner(what.model().file().toString(), threads)) {
      say("load_ms", (System.nanoTime() - begin) / 1e6);
      say("load_peak_bytes", peak());
      runner.bind(inputs);
      for (int i = 0; i < RUNS; i++) {
        runner.run();
      }
      say("peak_bytes", peak());
    }
  }

  private void both(int rounds) {
    try (Engine engine = open();
        MorseRunner ours = new MorseRunner(load(engine));
        MorseRunner kept = new MorseRunner(load(engine, what.constants()));
        OrtRunner peer = new OrtRunner(what.model().file().toString(), threads)) {
      Map<String, Tensor> inputs = Inputs.random(ours.model().inputs());
      List<Runner> runners =
          what.constants().isEmpty() ? List.of(ours, peer) : List.of(ours, peer, kept);
      for (Runner r : runners) {
        r.bind(inputs);
        for (int i = 0; i < RUNS; i++) {
          r.run();
        }
      }
      double tolerance = precision == Precision.FP32 ? TOLERANCE : TOLERANCE_BF16;
      say("error", Check.near(what.name(), ours.output(), peer.output(), tolerance));
      Turns turns = new Turns(0, PAUSE_MILLIS, 1, 2);
      for (int i = 0; i < rounds; i++) {
        turns.round(runners);
      }
      double[] ratios = turns.ratios(1, 0);
      say("ms", turns.median(0));
      say("peer_ms", turns.median(1));
      say("ratio", Turns.median(ratios));
      say("ratio_least", ratios[0]);
      say("ratio_most", ratios[ratios.length - 1]);
      say("flops", ours.flops());
      if (runners.size() > 2) {
        say("kept_ratio", Turns.median(turns.ratios(1, 2)));
      }
    }
  }

  /** The largest resident set of this process so far, in bytes. */
  private static double peak() throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith("VmHWM:")) {
        return 1024 * Double.parseDouble(line.replaceAll("[^0-9]", ""));
      }
    }
    return Double.NaN;
  }

  private static void say(String key, double value) {
    System.out.printf(Locale.ROOT, "%s %.6f%n", key, value);
  }
}
