package io.github.morseengine.cli;

import io.github.morseengine.engine.morse.GenerateRequest;
import io.github.morseengine.engine.morse.GenerateResult;
import io.github.morseengine.engine.morse.MorsePipeline;
import io.github.morseengine.engine.morse.ProgressListener;
import io.github.morseengine.engine.morse.Schedule;
import java.util.List;

/**
 * A sampler with its guidance.
 *
 * @param sampler a name with variants
 * @param guidance scale of classifier-free guidance; 1 for none
 * @param classifier scale of classifier guidance; 0 for none
 * @param labels what each picture is asked for; null where nothing is
 */
record Setting(String sampler, double guidance, double classifier, LabelOrder labels) {

  /** Seeds of batches must not meet: batch b of seed s begins at s + b * this. */
  private static final long STRIDE = 1_000_003;

  /** A sampler whose pictures are asked for nothing. */
  static Setting unlabelled(String sampler) {
    return new Setting(sampler, 1, 0, null);
  }

  /** {@return what reports call it: the sampler alone where nothing is asked for} */
  String name() {
    if (guidance == 1 && classifier == 0) {
      return labels == null ? sampler : sampler + "+labels";
    }
    String cfg = guidance == 1 ? "" : "+guidance=" + number(guidance);
    return sampler + cfg + (classifier == 0 ? "" : "+classifier=" + number(classifier));
  }

  private static String number(double v) {
    return v == Math.rint(v) ? Long.toString((long) v) : Double.toString(v);
  }

  /** Draws one batch. Pictures without a label follow the data; others take theirs in order. */
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
            .labels(labels == null ? List.of() : labels.names(batch * count, count))
            .build(),
        progress);
  }

  /** The label that picture i of a batch was drawn for; negative where there is none. */
  int label(int batch, int count, int i) {
    return labels == null ? -1 : labels.label(batch * count + i);
  }
}
