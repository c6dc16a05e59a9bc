package io.github.morseengine.tests.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.graph.onnx.OnnxModel;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.tests.support.Compare;
import io.github.morseengine.tests.support.Fixtures;
import io.github.morseengine.tests.support.Runner;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** Operators of com.microsoft, alone and in networks that ONNX Runtime's optimiser rewrote. */
class ContribTest {

  /** As for the networks that the optimiser did not touch. */
  private static final double TIMES_ONNX_RUNTIME = 4;

  private static final Set<String> CLAIMED =
      Set.of(
          "BiasAdd",
          "BiasGelu",
          "BiasSplitGelu",
          "FastGelu",
          "FusedMatMul",
          "Gelu",
          "GroupNorm",
          "MultiHeadAttention",
          "NhwcConv",
          "QuickGelu",
          "SkipGroupNorm",
          "SkipLayerNormalization",
          "SkipSimplifiedLayerNormalization");

  @TempDir static Path folder;
  private static Engine reference;
  private static Engine cpu;

  @BeforeAll
  static void open() {
    Fixtures.unpack("contrib.zip", folder);
    reference = Runner.engine("reference");
    cpu = Runner.engine("cpu");
  }

  @AfterAll
  static void close() {
    reference.close();
    cpu.close();
  }

  @TestFactory
  Stream<DynamicTest> operatorsAgree() {
    return Fixtures.list(folder.resolve("cases")).stream()
        .flatMap(
            dir ->
                Stream.of(reference, cpu)
                    .map(
                        engine ->
                            DynamicTest.dynamicTest(
                                dir.getFileName() + " on " + engine.backendName(),
                                () -> check(dir, engine))));
  }

  private static void check(Path dir, Engine engine) {
    Properties about = Fixtures.properties(dir.resolve("case.properties"));
    double tolerance = Double.parseDouble(about.getProperty("tolerance"));
    Map<String, Tensor> expected = Fixtures.arrays(dir.resolve("out"));
    Map<String, Tensor> actual = run(dir, engine);
    assertEquals(expected.keySet(), actual.keySet());
    expected.forEach((name, e) -> Compare.close(e, actual.get(name), tolerance, name));
  }

  private static Map<String, Tensor> run(Path dir, Engine engine) {
    return Runner.run(engine, dir.resolve("model.onnx"), Fixtures.arrays(dir.resolve("in")));
  }

  @TestFactory
  Stream<DynamicTest> rewrittenNetworksAgreeWithPytorch() {
    List<Path> networks = Fixtures.list(folder.resolve("networks"));
    assertEquals(5, networks.size());
    return networks.stream()
        .map(dir -> DynamicTest.dynamicTest(dir.getFileName().toString(), () -> network(dir)));
  }

  private static void network(Path dir) {
    Properties deviations = Fixtures.properties(dir.resolve("deviation.properties"));
    Map<String, Tensor> actual = run(dir, cpu);
    Fixtures.arrays(dir.resolve("out"))
        .forEach(
            (name, e) -> {
              double deviation = Double.parseDouble(deviations.getProperty(name));
              double error = Compare.relativeRms(e, actual.get(name));
              assertTrue(
                  error <= TIMES_ONNX_RUNTIME * deviation,
                  name + ": relative error " + error + ", ONNX Runtime's " + deviation);
            });
  }

  @Test
  void everyClaimedOperatorHasACase() {
    Set<String> missing = new TreeSet<>(CLAIMED);
    for (Path dir : Fixtures.list(folder.resolve("cases"))) {
      try (OnnxModel model = OnnxModel.open(dir.resolve("model.onnx"))) {
        model.operators().keySet().forEach(op -> missing.remove(op.replace("com.microsoft::", "")));
      }
    }
    assertEquals(Set.of(), missing);
  }
}
