package io.github.morseengine.cli;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.morse.GenerateRequest;
import io.github.morseengine.engine.morse.GenerateResult;
import io.github.morseengine.engine.morse.Images;
import io.github.morseengine.engine.morse.ModelDirectory;
import io.github.morseengine.engine.morse.MorsePipeline;
import io.github.morseengine.engine.morse.PngWriter;
import io.github.morseengine.engine.morse.Samplers;
import io.github.morseengine.engine.morse.StepReport;
import io.github.morseengine.engine.morse.WeightBytes;
import io.github.morseengine.engine.tensor.Npy;
import io.github.morseengine.engine.tensor.Tensor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Draws pictures. */
@Command(
    name = "generate",
    description = "Draws pictures with Dash and Dot.",
    sortOptions = false,
    footer = {
      "",
      "Examples:",
      "  morse generate                                    16 pictures in morse.png",
      "  morse generate --label \"Food & Drink\" --guidance 2",
      "  morse generate --dash 5 --dot 3 --count 64 --out-dir pictures",
      "  morse generate --dash 20 --no-dot --out dash.png  the same cost model without Dot",
      "  morse generate --model my-model --sampler ddpm --dash 100 --dot 1 --json report.json"
    })
final class GenerateCommand implements Callable<Integer> {

  private static final int MOST_PICTURES = 1_000_000;
  private static final int MOST_STEPS = 100_000;
  private static final double MOST_GUIDANCE = 1000;
  private static final int MOST_NAMED = 4;
  private static final double MB = 1e6;

  private final Console console;

  @Option(
      names = "--model",
      paramLabel = "NAME|DIR",
      description = "A shipped model or a model directory. Default: " + ModelLocator.DEFAULT + ".")
  private String model;

  @Option(
      names = "--count",
      paramLabel = "N",
      description = "Pictures. Default: 16, or as many as --noise holds.")
  private Integer count;

  @Option(
      names = "--batch",
      paramLabel = "B",
      description = "Pictures that a model sees at once. Default: chosen.")
  private Integer batch;

  @Option(
      names = "--seed",
      paramLabel = "S",
      defaultValue = "0",
      description = "Picture i of a seed starts from the same noise. Default: 0.")
  private long seed;

  @Option(
      names = "--sampler",
      paramLabel = "NAME",
      defaultValue = "ddim",
      description = "ddim or ddpm. Default: ddim.")
  private String sampler;

  @Option(
      names = "--eta",
      paramLabel = "E",
      defaultValue = "0",
      description = "Noise of ddim, 0 to 1. Default: 0.")
  private double eta;

  @Option(
      names = "--dash",
      paramLabel = "D",
      defaultValue = "10",
      description = "Steps of Dash. Default: 10.")
  private int dash;

  @Option(
      names = "--dot",
      paramLabel = "K",
      description = "Steps of Dot after each step of Dash. Default: 1, or 0 without Dot.")
  private Integer dot;

  @Option(
      names = "--lsd",
      paramLabel = "L",
      description = "Cost in latencies of Dash, by the model's tuned schedule.")
  private Double lsd;

  @Option(names = "--no-dot", description = "Only Dash: as --dot 0.")
  private boolean noDot;

  @Option(
      names = "--label",
      paramLabel = "L",
      description = {
        "A label of the model, by name or index; again for more, which the pictures take in turn;",
        "all for all. Default: none, but all where nothing but the shipped model is drawn."
      })
  private List<String> label;

  @Option(names = "--prompt", paramLabel = "P", description = "Text, for models that read text.")
  private String prompt;

  @Option(
      names = "--negative-prompt",
      paramLabel = "P",
      description = "What not to draw, for models that read text.")
  private String negativePrompt;

  @Option(
      names = "--guidance",
      paramLabel = "G",
      defaultValue = "1",
      description = "Scale of classifier-free guidance; 1 is none. Default: 1.")
  private double guidance;

  @Option(
      names = "--out",
      paramLabel = "FILE.png",
      description = "One picture with all as a grid. Default: morse.png, unless --out-dir.")
  private Path out;

  @Option(
      names = "--out-dir",
      paramLabel = "DIR",
      description = "One file per picture: DIR/00000.png, ...")
  private Path outDir;

  @Option(
      names = "--noise",
      paramLabel = "FILE.npy",
      description = "Initial samples, float32 [N,C,H,W].")
  private Path noise;

  @Option(
      names = "--step-noise",
      paramLabel = "FILE.npy",
      description = "Noise of stochastic samplers, float32 [steps,N,C,H,W].")
  private Path stepNoise;

  @Option(
      names = "--save-latents",
      paramLabel = "FILE.npy",
      description = "Write the final samples, before decoding and clamping.")
  private Path saveLatents;

  @Option(
      names = "--save-trajectory",
      paramLabel = "FILE.npy",
      description = "Write every sample, [steps+1,N,C,H,W].")
  private Path saveTrajectory;

  @Option(
      names = "--check-finite",
      description = "Stop at the first NaN or infinity and say where.")
  private boolean checkFinite;

  @Mixin private EngineOptions options;

  GenerateCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    long begin = System.nanoTime();
    check();
    ModelDirectory directory = ModelDirectory.open(ModelLocator.directory(model));
    if (prompt != null || negativePrompt != null) {
      throw new InvalidInputException(
          "the model '" + directory.path() + "' reads no text: use --label instead of --prompt");
    }
    if (lsd != null) {
      throw new InvalidInputException(
          "the model '"
              + directory.path()
              + "' has no tuned schedule for --lsd: use --dash and --dot");
    }
    GenerateRequest request = request(directory);
    try (Engine engine = options.open();
        MorsePipeline pipeline = MorsePipeline.open(engine, directory)) {
      GenerateResult result;
      try (Progress progress = new Progress(console, "drawing")) {
        result = pipeline.generate(request, progress);
      }
      List<Path> files = write(directory, request, result);
      print(directory, request, result, files);
      Report report = options.report("generate", directory.path().toString(), engine);
      fill(report, request, result, files);
      options.write(report, begin);
    }
    return 0;
  }

  private void check() {
    options.check();
    if (count != null) {
      options.range("--count", count, 1, MOST_PICTURES);
    }
    if (batch != null) {
      options.range("--batch", batch, 1, MOST_PICTURES);
    }
    options.range("--dash", dash, 1, MOST_STEPS);
    if (dot != null) {
      options.range("--dot", dot, 0, MOST_STEPS);
    }
    if (noDot && dot != null && dot > 0) {
      throw options.usage("--no-dot and --dot " + dot + " contradict each other: give one");
    }
    if (label != null && prompt != null) {
      throw options.usage("--label and --prompt contradict each other: give one");
    }
    options.oneOf("--sampler", sampler, Samplers.names());
    if (!(eta >= 0 && eta <= 1)) {
      throw options.usage("--eta must be 0 to 1, got " + eta);
    }
    if (!(Math.abs(guidance) <= MOST_GUIDANCE)) {
      throw options.usage("--guidance must be a number up to 1000, got " + guidance);
    }
    if (lsd != null && !(lsd >= 1 && lsd <= MOST_STEPS)) {
      throw options.usage("--lsd must be 1 to " + MOST_STEPS + ", got " + lsd);
    }
    if (out == null && outDir == null) {
      out = Path.of("morse.png");
    }
    for (Path file : new Path[] {out, saveLatents, saveTrajectory}) {
      if (file != null) {
        OutputFiles.requireWritable(file);
      }
    }
    if (outDir != null) {
      OutputFiles.requireWritableFolder(outDir);
    }
  }

  private GenerateRequest request(ModelDirectory directory) {
    Tensor start = noise == null ? null : Npy.read(noise);
    boolean counted = count == null && start != null && start.rank() > 0;
    int pictures =
        counted ? (int) Math.min(start.dim(0), MOST_PICTURES) : count == null ? 16 : count;
    int dots = noDot ? 0 : dot != null ? dot : directory.dot().isPresent() ? 1 : 0;
    return GenerateRequest.builder()
        .count(pictures)
        .batch(batch == null ? 0 : batch)
        .seed(seed)
        .sampler(sampler)
        .eta(eta)
        .dash(dash)
        .dot(dots)
        .labels(labels(directory))
        .guidance(guidance)
        .noise(start)
        .stepNoise(stepNoise == null ? null : Npy.read(stepNoise))
        .trajectory(saveTrajectory != null)
        .checkFinite(checkFinite)
        .build();
  }

  /** The shipped model shows all that it has learned; any other use says what it wants. */
  private List<String> labels(ModelDirectory directory) {
    boolean show = label == null && model == null && noise == null;
    if (show || label != null && label.equals(List.of("all"))) {
      return directory.labels();
    }
    return label == null ? List.of() : label;
  }

  private List<Path> write(ModelDirectory directory, GenerateRequest r, GenerateResult result) {
    List<Path> files = new ArrayList<>();
    Map<String, String> text = metadata(directory, r);
    if (out != null) {
      int columns = (int) Math.ceil(Math.sqrt(r.count()));
      PngWriter.write(Images.grid(result.latents(), columns), text, out);
      files.add(out);
    }
    if (outDir != null) {
      OutputFiles.makeFolder(outDir);
      for (int i = 0; i < r.count(); i++) {
        Path file = outDir.resolve(String.format(Locale.ROOT, "%05d.png", i));
        text.put("index", Integer.toString(i));
        if (!r.labels().isEmpty()) {
          text.put("label", r.labels().get(i % r.labels().size()));
        }
        PngWriter.write(Images.image(result.latents(), i), text, file);
        files.add(file);
      }
    }
    if (saveLatents != null) {
      Npy.write(saveLatents, result.latents());
      files.add(saveLatents);
    }
    if (saveTrajectory != null) {
      Npy.write(saveTrajectory, result.trajectory());
      files.add(saveTrajectory);
    }
    return files;
  }

  private static Map<String, String> metadata(ModelDirectory directory, GenerateRequest r) {
    Map<String, String> text = new LinkedHashMap<>();
    text.put("Software", "morse");
    text.put("model", name(directory));
    text.put("sampler", r.sampler());
    text.put("seed", Long.toString(r.seed()));
    text.put("count", Integer.toString(r.count()));
    text.put("schedule", r.schedule().toString());
    text.put("guidance", Double.toString(r.guidance()));
    if (!r.labels().isEmpty()) {
      text.put("labels", String.join("; ", r.labels()));
    }
    return text;
  }

  private static String name(ModelDirectory directory) {
    Path name = directory.path().toAbsolutePath().normalize().getFileName();
    return name == null ? directory.path().toString() : name.toString();
  }

  private void print(
      ModelDirectory directory, GenerateRequest r, GenerateResult result, List<Path> files) {
    String where =
        files.size() > MOST_NAMED
            ? files.size() + " files in " + outDir
            : files.stream().map(Path::toString).collect(Collectors.joining(", "));
    WeightBytes w = result.weightBytes();
    String ratio =
        result.dotSteps() == 0
            ? ""
            : String.format(
                Locale.ROOT,
                ", t_dot %.2f ms (%.1fx)",
                result.dotMs(),
                result.dashMs() / result.dotMs());
    console
        .out()
        .printf(
            Locale.ROOT,
            "%s: %d pictures, %d Dash + %d Dot steps of %s, seed %d -> %s%n"
                + "t_dash %.2f ms%s at batch %d; LSD %.2f; %.2f images/s; load %.0f ms%n"
                + "weights: Dash %.1f MB, Dot %.1f MB, shared %.1f MB, held %.1f MB; arena %.1f"
                + " MB%n",
            name(directory),
            r.count(),
            result.dashSteps(),
            result.dotSteps(),
            r.sampler(),
            r.seed(),
            where,
            result.dashMs(),
            ratio,
            result.batch(),
            result.lsd(),
            result.imagesPerSecond(),
            result.loadMs(),
            w.dash() / MB,
            w.dot() / MB,
            w.shared() / MB,
            w.device() / MB,
            result.arenaBytes() / MB);
  }

  private static void fill(
      Report report, GenerateRequest r, GenerateResult result, List<Path> files) {
    report.put("labels", r.labels());
    report.put("sampler", r.sampler());
    report.put("seed", r.seed());
    report.put("count", r.count());
    report.put("batch", result.batch());
    List<Map<String, Object>> steps = new ArrayList<>();
    for (StepReport s : result.steps()) {
      Map<String, Object> step = new LinkedHashMap<>();
      step.put("index", s.index());
      step.put("timestep", s.timestep());
      step.put("kind", s.kind().label());
      step.put("ms", s.ms());
      steps.add(step);
    }
    report.put("steps", steps);
    report.put("n_dash", result.dashSteps());
    report.put("n_dot", result.dotSteps());
    report.put("t_dash_ms", result.dashMs());
    report.put("t_dot_ms", result.dotMs());
    report.put("lsd", result.lsd());
    report.put("images_per_second", result.imagesPerSecond());
    report.put("load_ms", result.loadMs());
    Map<String, Object> weights = new LinkedHashMap<>();
    weights.put("dash", result.weightBytes().dash());
    weights.put("dot", result.weightBytes().dot());
    weights.put("shared", result.weightBytes().shared());
    weights.put("device", result.weightBytes().device());
    report.put("weight_bytes", weights);
    report.put("arena_bytes", result.arenaBytes());
    report.put("files", files.stream().map(Path::toString).toList());
  }
}
