package io.github.morseengine.jmh.endtoend;

import io.github.morseengine.engine.morse.ModelDirectory;
import java.nio.file.Path;

/**
 * One run of Dot, whole. In a generation what depends on steps of Dash alone is computed once
 * behind each of those, see {@code morse bench}: t_dot is less.
 */
public class DotStep extends StepBenchmark {

  /** Created by JMH. */
  public DotStep() {}

  @Override
  protected Path file(ModelDirectory models) {
    return models
        .dot()
        .orElseThrow(() -> new IllegalStateException(models.path() + " holds no dot.onnx"));
  }
}
