package io.github.morseengine.cli;

import io.github.morseengine.engine.morse.GenerateRequest;
import io.github.morseengine.engine.morse.GenerateResult;
import io.github.morseengine.engine.morse.ModelDirectory;
import io.github.morseengine.engine.morse.StepReport;
import io.github.morseengine.engine.morse.WeightBytes;
import io.github.morseengine.engine.morse.latent.TextResult;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/** What generate tells of its work: in the pictures, on the terminal, as JSON. Stateless. */
final class GenerateReport {

  private static final int MOST_NAMED = 4;
  private static final double MB = 1e6;

  private GenerateReport() {}

  /** Text chunks of a picture's file. */
  static Map<String, String> metadata(ModelDirectory directory, GenerateRequest r) {
    Map<String, String> text = new LinkedHashMap<>();
    text.put("Software", "morse");
    text.put("model", name(directory));
    text.put("sampler", r.sampler());
    text.put("seed", Long.toString(r.seed()));
    text.put("count", Integer.toString(r.count()));
    text.put("schedule", r.schedule().toString());
    text.put("fresh_noise", r.freshNoise().label());
    text.put("guidance", Double.toString(r.guidance()));
    text.put("guidance_rescale", Double.toString(r.rescale()));
    text.put("classifier_guidance", Double.toString(r.classifier()));
    if (!r.labels().isEmpty()) {
      text.put("labels", String.join("; ", r.labels()));
    }
    return text;
  }

  /** Name of the model's folder. */
  static String name(ModelDirectory directory) {
    Path name = directory.path().toAbsolutePath().normalize().getFileName();
    return name == null ? directory.path().toString() : name.toString();
  }

  /**
   * The three lines on the standard output.
   *
   * @param asked what to say behind the cost, see {@link ScheduleOptions#asked}
   */
  static void print(
      Console console,
      ModelDirectory directory,
      GenerateRequest r,
      GenerateResult result,
      List<Path> files,
      Path outDir,
      String asked) {
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
                + "t_dash %.2f ms%s at batch %d; LSD %.2f%s; %.2f images/s; load %.0f ms%n"
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
            asked,
            result.imagesPerSecond(),
            result.loadMs(),
            w.dash() / MB,
            w.dot() / MB,
            w.shared() / MB,
            w.device() / MB,
            result.arenaBytes() / MB);
  }

  /** Keys of sampling. */
  static void fill(Report report, GenerateRequest r, GenerateResult result, List<Path> files) {
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
    report.put("schedule", r.schedule().toString());
    report.put("fresh_noise", r.freshNoise().label());
    report.put("guidance", r.guidance());
    report.put("guidance_rescale", r.rescale());
    report.put("classifier_guidance", r.classifier());
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

  /** Keys of models that read text. */
  static void fill(Report report, TextResult result, List<String> prompts) {
    report.put("prompts", prompts);
    report.put("encode_ms", result.encodeMs());
    report.put("decode_ms", result.decodeMs());
    report.put("notes", result.notes());
  }
}
