package io.github.morseengine.cli;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.morse.GenerateRequest;
import io.github.morseengine.engine.morse.Images;
import io.github.morseengine.engine.morse.PngWriter;
import io.github.morseengine.engine.morse.latent.DiffusersFolder;
import io.github.morseengine.engine.morse.latent.TextPipeline;
import io.github.morseengine.engine.morse.latent.TextRequest;
import io.github.morseengine.engine.morse.latent.TextResult;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Draws the lines of a {@link PromptFile}.
 *
 * @param console where to tell
 * @param options of the command
 * @param text its options about text
 * @param preview its options about previews
 * @param outDir where the pictures go
 */
record PromptRun(
    Console console, EngineOptions options, TextOptions text, PreviewOptions preview, Path outDir) {

  /** Draws what is not there yet; a line of report.jsonl for each. */
  void run(
      DiffusersFolder folder,
      TextPipeline pipeline,
      GenerateRequest sampling,
      Engine engine,
      long begin) {
    PromptFile file = PromptFile.read(text.prompts(), outDir, sampling.count());
    OutputFiles.makeFolder(outDir);
    int drawn = 0;
    for (int line = 0; line < file.lines().size(); line++) {
      if (file.done(line)) {
        continue;
      }
      long start = System.nanoTime();
      List<String> prompts = List.of(file.lines().get(line));
      TextResult result =
          draw(folder, pipeline, text.request(sampling, prompts, pipeline.inpaints()));
      Map<String, String> metadata = GenerateReport.metadata(folder.models(), sampling);
      metadata.putAll(text.metadata(prompts));
      List<Path> files = new ArrayList<>();
      for (int i = 0; i < sampling.count(); i++) {
        metadata.put("index", Integer.toString(i));
        PngWriter.write(Images.image(result.pictures(), i), metadata, file.picture(line, i));
        files.add(file.picture(line, i));
      }
      Report report = options.report("generate", folder.path().toString(), engine);
      report.put("line", line);
      GenerateReport.fill(report, sampling, result.sampling(), files);
      GenerateReport.fill(report, result, prompts);
      report.put("wall_ms", (System.nanoTime() - start) / 1e6);
      file.report(report.line());
      drawn++;
    }
    console
        .out()
        .printf(
            "%s: %d of %d prompts drawn, %d were there already -> %s%n",
            GenerateReport.name(folder.models()),
            drawn,
            file.lines().size(),
            file.lines().size() - drawn,
            outDir);
    Report report = options.report("generate", folder.path().toString(), engine);
    report.put("prompts", file.lines().size());
    report.put("drawn", drawn);
    options.write(report, begin);
  }

  /** Draws one request with a progress bar and says what the pipeline noticed. */
  TextResult draw(DiffusersFolder folder, TextPipeline pipeline, TextRequest request) {
    TextResult result;
    try (Progress progress = new Progress(console, "drawing")) {
      result = pipeline.generate(request, preview.over(progress, folder));
    }
    result.notes().forEach(n -> console.err().println("morse: " + n));
    return result;
  }
}
