package io.github.morseengine.cli;

import io.github.morseengine.engine.morse.GenerateRequest;
import io.github.morseengine.engine.morse.GenerateResult;
import io.github.morseengine.engine.morse.ModelDirectory;
import io.github.morseengine.engine.morse.MorsePipeline;
import io.github.morseengine.engine.morse.ProgressListener;
import io.github.morseengine.engine.morse.Schedule;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * A sampler with its guidance.
 *
 * @param sampler a name with variants
 * @param guidance scale of classifier-free guidance; 1 for none
 * @param classifier scale of classifier guidance; 0 for none
 */
record Setting(String sampler, double guidance, double classifier) {

  /** Seeds of batches must not meet: batch b of seed s begins at s + b * this. */
  private static final long STRIDE = 1_000_003;

  /** {@return what reports call it: the sampler alone where nothing guides} */
  String name() {
    String cfg = guidance > 1 ? "+guidance=" + number(guidance) : "";
    return sampler + cfg + (classifier == 0 ? "" : "+classifier=" + number(classifier));
  }

  private static String number(double v) {
    return v == Math.rint(v) ? Long.toString((long) v) : Double.toString(v);
  }

  boolean guided() {
    return guidance > 1 || classifier != 0;
  }

  /**
   * Draws one batch. Unguided pictures have no label and so follow the data; guided ones take the
   * labels in turn, on from those of the batch before.
   */
  GenerateResult run(
      MorsePipeline pipeline,
      Schedule schedule,
      long seed,
      int batch,
      int count,
      ProgressListener progress) {
    return pipeline.generate(
        GenerateRequest.builder()
            .count(count)
            .batch(count)
            .seed(seed + batch * STRIDE)
            .sampler(sampler)
            .schedule(schedule)
            .guidance(guidance)
            .classifier(classifier)
            .labels(labels(pipeline.directory(), batch * count))
            .build(),
        progress);
  }

  private List<String> labels(ModelDirectory directory, int first) {
    if (!guided()) {
      return List.of();
    }
    List<String> out = new ArrayList<>(directory.labels());
    Collections.rotate(out, out.isEmpty() ? 0 : -(first % out.size()));
    return out;
  }

  /** The label that picture i of a batch was drawn for; negative where none guides. */
  int label(ModelDirectory directory, int batch, int count, int i) {
    return guided() ? (batch * count + i) % directory.labels().size() : -1;
  }
}
