package io.github.morseengine.tests.sharing;

import io.github.morseengine.engine.CompileOptions;
import io.github.morseengine.engine.CompiledModel;
import io.github.morseengine.engine.Engine;
import io.github.morseengine.tests.support.Runner;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Loads models one after another and prints what is held and what was the peak, in bytes. */
final class LoadProbe {

  private LoadProbe() {}

  /**
   * Loads.
   *
   * @param files of models, all held to the end
   */
  public static void main(String[] files) throws IOException {
    Engine engine = Runner.engine("cpu");
    for (String file : files) {
      CompiledModel model = engine.compile(Path.of(file), CompileOptions.builder().build());
      System.out.println(engine.weightBytes() + " " + peak() + " " + model.arenaBytes());
    }
  }

  /** The largest resident set of this process so far. */
  private static long peak() throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith("VmHWM:")) {
        return 1024 * Long.parseLong(line.replaceAll("[^0-9]", ""));
      }
    }
    throw new IllegalStateException("no VmHWM in /proc/self/status");
  }
}
