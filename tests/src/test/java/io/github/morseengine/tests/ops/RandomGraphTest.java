package io.github.morseengine.tests.ops;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.tests.support.RandomGraph;
import io.github.morseengine.tests.support.Runner;
import java.nio.file.Path;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Random graphs on the CPU against the reference; the parameter is the seed of a graph. */
class RandomGraphTest {

  @TempDir private Path folder;
  private static Engine reference;
  private static Engine cpu;

  @BeforeAll
  static void open() {
    reference = Runner.engine("reference");
    cpu = Runner.engine("cpu");
  }

  @AfterAll
  static void close() {
    reference.close();
    cpu.close();
  }

  static IntStream seeds() {
    return IntStream.range(0, 300);
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void computesWhatTheReferenceDoes(int seed) {
    new RandomGraph(seed).compare(reference, cpu, folder.resolve("model.onnx"));
  }
}
