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
import io.github.morseengine.engine.morse.latent.DiffusersFolder;
import io.github.morseengine.engine.morse.latent.LabelPipeline;
import io.github.morseengine.engine.morse.latent.TextPipeline;
import io.github.morseengine.engine.morse.latent.TextResult;
import io.github.morseengine.engine.tensor.Npy;
import io.github.morseengine.engine.tensor.Tensor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
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
      "  morse generate --sampler dpmpp:3 --schedule DDKKDKKK",
      "  morse generate --lsd 10                           the best schedule of morse tune",
      "  morse generate --model my-model --sampler ddpm --dash 100 --dot 1 --json report.json",
      "  morse generate --model stable-diffusion --prompt \"a red fox\" --count 4 --out fox.png",
      "  morse generate --model stable-diffusion --prompts lines.txt --out-dir pictures",
      "  morse generate --model dit --label \"golden retriever\" --out dog.png"
    })
final class GenerateCommand implements Callable<Integer> {

  private static final int MOST_PICTURES = 1_000_000;
  private static final double MOST_GUIDANCE = 1000;

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
      description = {
        "One of ddim[:clipped], ddpm, dpmpp[:1|2|3|sde], dpm[:1|2|3],"
            + " sde[:reverse][:corrector][:mean], ode[:heun], euler, lcm. Default: ddim, for models"
            + " of latents their own."
      })
  private String sampler;

  @Option(
      names = "--eta",
      paramLabel = "E",
      defaultValue = "0",
      description = "Noise of ddim, 0 to 1. Default: 0.")
  private double eta;

  @Mixin private ScheduleOptions steps;

  @Option(
      names = "--label",
      paramLabel = "L",
      description = {
        "A label of the model, by name or index; again for more, which the pictures take in turn;",
        "all for all. Default: none, but all where nothing but the shipped model is drawn."
      })
  private List<String> label;

  @Mixin private TextOptions text;

  @Option(
      names = "--guidance",
      paramLabel = "G",
      description = {
        "Scale of classifier-free guidance; 1 is none. Default: 1; for models that read text",
        "7.5, SDXL 5, SD 3 7, where the scale is embedded 8.5; for DiT 4."
      })
  private Double guidance;

  @Option(
      names = "--guidance-rescale",
      paramLabel = "R",
      defaultValue = "0",
      description = "Share of guidance rescale, 0 to 1. Default: 0.")
  private double rescale;

  @Option(
      names = "--classifier-guidance",
      paramLabel = "S",
      defaultValue = "0",
      description = "Scale of guidance by the model's classifier; 0 is none. Default: 0.")
  private double classifier;

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

  @Mixin private PreviewOptions preview;

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
    Path folder = ModelLocator.directory(model);
    if (DiffusersFolder.isOne(folder)) {
      DiffusersFolder latents = DiffusersFolder.open(folder);
      return latents.kind().readsText() ? text(latents, begin) : labelled(latents, begin);
    }
    ModelDirectory directory = ModelDirectory.open(folder);
    checkNoText(directory);
    GenerateRequest request = request(directory, TextDefaults.NO_TEXT);
    try (Engine engine = options.open(console);
        MorsePipeline pipeline = MorsePipeline.open(engine, directory)) {
      GenerateResult result;
      try (Progress progress = new Progress(console, "drawing")) {
        result = pipeline.generate(request, preview.over(progress));
      }
      List<Path> files = write(directory, request, result, result.latents(), Map.of());
      GenerateReport.print(console, directory, request, result, files, outDir, steps.asked());
      Report report = options.report("generate", directory.path().toString(), engine);
      GenerateReport.fill(report, request, result, files);
      options.write(report, begin);
    }
    return 0;
  }

  private void checkNoText(ModelDirectory directory) {
    if (text.given()) {
      throw new InvalidInputException(
          "the model '" + directory.path() + "' reads no text: use --label instead of --prompt");
    }
  }

  /** Draws with a model of latents that reads labels. */
  private int labelled(DiffusersFolder folder, long begin) {
    ModelDirectory directory = folder.models();
    checkNoText(directory);
    int asked = label == null ? 1 : labels(directory).size();
    GenerateRequest request = request(directory, TextDefaults.labelled(folder, asked));
    try (Engine engine = options.open(console);
        LabelPipeline pipeline = LabelPipeline.open(engine, folder)) {
      LabelPipeline.Result result;
      try (Progress progress = new Progress(console, "drawing")) {
        result = pipeline.generate(request, preview.over(progress, folder));
      }
      GenerateResult sampling = result.sampling();
      List<Path> files = write(directory, request, sampling, result.pictures(), Map.of());
      GenerateReport.print(console, directory, request, sampling, files, outDir, steps.asked());
      Report report = options.report("generate", directory.path().toString(), engine);
      GenerateReport.fill(report, request, sampling, files);
      report.put("decode_ms", result.decodeMs());
      options.write(report, begin);
    }
    return 0;
  }

  /** Draws with a model that reads text. */
  private int text(DiffusersFolder whole, long begin) {
    DiffusersFolder folder = text.wanted(whole);
    if (label != null) {
      throw new InvalidInputException(
          "the model '" + folder.path() + "' reads text and has no labels: use --prompt");
    }
    boolean again = text.prompts() != null;
    try (Engine engine = options.open(console);
        TextPipeline pipeline = TextPipeline.open(engine, folder, again)) {
      text.check(folder, pipeline);
      TextDefaults defaults = TextDefaults.of(folder, pipeline.embedsGuidance());
      GenerateRequest sampling = request(folder.models(), defaults);
      PromptRun run = new PromptRun(console, options, text, preview, outDir);
      if (again) {
        run.run(folder, pipeline, sampling, engine, begin);
        return 0;
      }
      TextResult result =
          run.draw(folder, pipeline, text.request(sampling, text.prompt(), pipeline.inpaints()));
      List<Path> files =
          write(
              folder.models(),
              sampling,
              result.sampling(),
              result.pictures(),
              text.metadata(text.prompt()));
      GenerateReport.print(
          console, folder.models(), sampling, result.sampling(), files, outDir, steps.asked());
      Report report = options.report("generate", folder.path().toString(), engine);
      GenerateReport.fill(report, sampling, result.sampling(), files);
      GenerateReport.fill(report, result, text.prompt());
      options.write(report, begin);
    }
    return 0;
  }

  private void check() {
    options.check();
    text.check(options, outDir);
    steps.check(options);
    preview.check(options);
    if (count != null) {
      options.range("--count", count, 1, MOST_PICTURES);
    }
    if (batch != null) {
      options.range("--batch", batch, 1, MOST_PICTURES);
    }
    if (label != null && text.given()) {
      throw options.usage("--label and --prompt contradict each other: give one");
    }
    if (sampler != null) {
      try {
        Samplers.check(sampler);
      } catch (InvalidInputException e) {
        throw options.usage("--sampler: " + e.getMessage());
      }
    }
    if (!(eta >= 0 && eta <= 1)) {
      throw options.usage("--eta must be 0 to 1, got " + eta);
    }
    if (guidance != null && !(Math.abs(guidance) <= MOST_GUIDANCE)) {
      throw options.usage("--guidance must be a number up to 1000, got " + guidance);
    }
    if (!(rescale >= 0 && rescale <= 1)) {
      throw options.usage("--guidance-rescale must be 0 to 1, got " + rescale);
    }
    if (!(Math.abs(classifier) <= MOST_GUIDANCE)) {
      throw options.usage("--classifier-guidance must be a number up to 1000, got " + classifier);
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

  private GenerateRequest request(ModelDirectory directory, TextDefaults defaults) {
    Tensor start = noise == null ? null : Npy.read(noise);
    boolean counted = count == null && start != null && start.rank() > 0;
    int pictures =
        counted
            ? (int) Math.min(start.dim(0), MOST_PICTURES)
            : count == null ? defaults.count() : count;
    String name = sampler == null ? defaults.sampler() : sampler;
    return GenerateRequest.builder()
        .count(pictures)
        .batch(batch == null ? 0 : batch)
        .seed(seed)
        .sampler(name)
        .eta(eta)
        .schedule(steps.schedule(directory, name, defaults))
        .labels(labels(directory))
        .guidance(guidance == null ? defaults.guidance() : guidance)
        .rescale(rescale)
        .classifier(classifier)
        .noise(start)
        .stepNoise(stepNoise == null ? null : Npy.read(stepNoise))
        .freshNoise(steps.freshNoise())
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

  private List<Path> write(
      ModelDirectory directory,
      GenerateRequest r,
      GenerateResult result,
      Tensor pictures,
      Map<String, String> more) {
    List<Path> files = new ArrayList<>();
    Map<String, String> text = GenerateReport.metadata(directory, r);
    text.putAll(more);
    if (out != null) {
      int columns = (int) Math.ceil(Math.sqrt(r.count()));
      PngWriter.write(Images.grid(pictures, columns), text, out);
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
        PngWriter.write(Images.image(pictures, i), text, file);
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
}
