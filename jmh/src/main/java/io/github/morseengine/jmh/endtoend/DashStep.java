package io.github.morseengine.jmh.endtoend;

import io.github.morseengine.engine.morse.ModelDirectory;
import java.nio.file.Path;

/** One run of Dash: t_dash. */
public class DashStep extends StepBenchmark {

  /** Created by JMH. */
  public DashStep() {}

  @Override
  protected Path file(ModelDirectory models) {
    return models.dash();
  }
}
