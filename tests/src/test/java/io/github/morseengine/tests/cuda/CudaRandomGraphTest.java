package io.github.morseengine.tests.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.backend.Precision;
import io.github.morseengine.tests.support.RandomGraph;
import io.github.morseengine.tests.support.Runner;
import java.nio.file.Path;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Random graphs on the CUDA backend against the reference; the parameter is the seed of a graph.
 */
class CudaRandomGraphTest {

  @TempDir private Path folder;
  private static Engine reference;
  private static Engine cuda;

  @BeforeAll
  static void open() {
    reference = Runner.engine("reference");
    cuda = CudaEngines.ownKernels(Precision.FP32);
  }

  @AfterAll
  static void nothingIsLeft() {
    reference.close();
    assertEquals(0, cuda.deviceBytes(), "device bytes");
    cuda.close();
  }

  static IntStream seeds() {
    return IntStream.range(0, 150);
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void computesWhatTheReferenceDoes(int seed) {
    new RandomGraph(seed).compare(reference, cuda, folder.resolve("model.onnx"));
  }
}
