package io.github.morseengine.jmh.peers;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.backend.Precision;
import io.github.morseengine.engine.error.MorseException;
import io.github.morseengine.engine.graph.onnx.OnnxModel;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.jmh.Check;
import io.github.morseengine.jmh.Inputs;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Prints the README's table: this engine against ONNX Runtime, same file, threads, run. */
@Command(
    name = "peers",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = "Compares the engine with ONNX Runtime on the same files and prints a table.")
public final class PeerTable implements Callable<Integer> {

  /** fp32 sums in another order, through some fifty layers. */
  private static final double TOLERANCE = 1e-3;

  /** Eight bits of mantissa, through some fifty layers. */
  private static final double TOLERANCE_BF16 = 0.1;

  private static final int WARMUP_RUNS = 30;
  private static final double WARMUP_SECONDS = 3;

  @Option(names = "--model", paramLabel = "FILE", description = "A file instead of the built-in.")
  private List<Path> models;

  @Option(
      names = "--shape",
      paramLabel = "NAME=N,C,H,W",
      description = "An input of the --model files; default: the batch first, sides of 32.")
  private Map<String, String> shapes = new LinkedHashMap<>();

  @Option(
      names = "--batch",
      split = ",",
      paramLabel = "B",
      description = "Batches of the --model files. Default: 1,16.")
  private List<Long> batches = List.of(1L, 16L);

  @Option(names = "--threads", paramLabel = "N", description = "Default: all processors.")
  private int threads;

  @Option(
      names = "--precision",
      paramLabel = "P",
      defaultValue = "FP32",
      description = "The engine's: FP32 or BF16; ONNX Runtime's is fp32. Default: FP32.")
  private Precision precision;

  @Option(names = "--rounds", paramLabel = "R", defaultValue = "7", description = "Default: 7.")
  private int rounds;

  @Option(
      names = "--seconds",
      paramLabel = "S",
      defaultValue = "1",
      description = "Length of a block of runs. Default: 1.")
  private double seconds;

  @Option(
      names = "--pause",
      paramLabel = "MS",
      defaultValue = "50",
      description = "Sleep between blocks, for spinning threads to stop. Default: 50.")
  private long pause;

  private PeerTable() {}

  private record Row(
      Case what, double parameters, double ms, double peer, double[] ratios, double rate) {}

  /**
   * Runs the comparison.
   *
   * @param args see --help
   */
  public static void main(String[] args) {
    System.exit(
        new CommandLine(new PeerTable()).setCaseInsensitiveEnumValuesAllowed(true).execute(args));
  }

  @Override
  public Integer call() {
    Path home = Path.of(System.getProperty("morse.home", "."));
    List<Case> cases = models == null ? Case.builtIn(home) : given();
    try (Engine engine =
            Engine.builder().backend("cpu").threads(threads).precision(precision).build();
        ConvolutionRate convolution = new ConvolutionRate(engine, pause)) {
      List<Row> rows = new ArrayList<>();
      for (Case c : cases) {
        try {
          rows.add(measure(engine, convolution, c));
        } catch (MorseException e) {
          System.err.println(c.name() + ": " + e.getMessage());
          return 1;
        }
      }
      print(engine, rows, convolution.best());
    }
    return 0;
  }

  private List<Case> given() {
    Map<String, long[]> parsed = new LinkedHashMap<>();
    shapes.forEach(
        (name, text) ->
            parsed.put(name, Arrays.stream(text.split(",")).mapToLong(Long::parseLong).toArray()));
    List<Case> out = new ArrayList<>();
    for (Path model : models) {
      for (long batch : batches) {
        out.add(new Case(model.toString(), model, batch, parsed));
      }
    }
    return out;
  }

  private Row measure(Engine engine, ConvolutionRate convolution, Case c) {
    try (OnnxModel model = OnnxModel.open(c.file());
        MorseRunner ours = new MorseRunner(engine.compile(model, c.options(model)));
        OrtRunner peer = new OrtRunner(c.file().toString(), engine.threads())) {
      Map<String, Tensor> inputs = Inputs.random(ours.model());
      ours.bind(inputs);
      peer.bind(inputs);
      warm(ours);
      warm(peer);
      double tolerance = precision == Precision.FP32 ? TOLERANCE : TOLERANCE_BF16;
      double error = Check.near(c.name(), ours.output(), peer.output(), tolerance);
      System.err.printf(
          Locale.ROOT, "%s, batch %d: outputs differ by %.1e%n", c.name(), c.batch(), error);
      Turns turns = new Turns(seconds, pause);
      for (int r = 0; r < rounds; r++) {
        turns.round(List.of(ours, peer));
        convolution.round();
      }
      double ms = turns.median(0);
      return new Row(
          c,
          model.parameters() / 1e6,
          ms,
          turns.median(1),
          turns.ratios(1, 0),
          ours.flops() / (ms / 1e3));
    }
  }

  /** Until the JVM has compiled what it will compile. */
  private static void warm(Runner runner) {
    long begin = System.nanoTime();
    for (int i = 0; i < WARMUP_RUNS || System.nanoTime() - begin < WARMUP_SECONDS * 1e9; i++) {
      runner.run();
    }
  }

  private void print(Engine engine, List<Row> rows, double best) {
    System.out.printf(
        Locale.ROOT,
        "%s, %d threads, %s; best 3x3 convolution in this run: %.0f GFLOP/s.%n%n",
        engine.device(),
        engine.threads(),
        engine.precision().label(),
        best / 1e9);
    System.out.println(
        "| model | parameters | batch | Morse | ONNX Runtime | speed-up (rounds) | GFLOP/s |"
            + " share of the convolution rate |");
    System.out.println("|---|---|---|---|---|---|---|---|");
    for (Row r : rows) {
      double[] q = r.ratios();
      System.out.printf(
          Locale.ROOT,
          "| %s | %.1f M | %d | %.2f ms | %.2f ms | **%.2fx** (%.2f-%.2f) | %.0f | %.2f |%n",
          r.what().name(),
          r.parameters(),
          r.what().batch(),
          r.ms(),
          r.peer(),
          Turns.median(q),
          q[0],
          q[q.length - 1],
          r.rate() / 1e9,
          r.rate() / best);
    }
  }
}
