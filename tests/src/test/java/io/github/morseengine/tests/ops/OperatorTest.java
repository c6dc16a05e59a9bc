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

/** Every operator, and what passes fuse of them, on both backends against ONNX Runtime. */
class OperatorTest {

  private static final Set<String> CLAIMED =
      Set.of(
          "Conv",
          "ConvTranspose",
          "Gemm",
          "MatMul",
          "Add",
          "Sub",
          "Mul",
          "Div",
          "Pow",
          "Neg",
          "Exp",
          "Log",
          "Sqrt",
          "Reciprocal",
          "Erf",
          "Sin",
          "Cos",
          "Sigmoid",
          "Tanh",
          "Relu",
          "Softmax",
          "Gelu",
          "Swish",
          "InstanceNormalization",
          "GroupNormalization",
          "LayerNormalization",
          "Attention",
          "Resize",
          "AveragePool",
          "DepthToSpace",
          "SpaceToDepth",
          "Reshape",
          "Transpose",
          "Concat",
          "Split",
          "Slice",
          "Squeeze",
          "Unsqueeze",
          "Flatten",
          "Expand",
          "Tile",
          "Gather",
          "Where",
          "Equal",
          "Cast",
          "CastLike",
          "Shape",
          "Size",
          "Range",
          "ConstantOfShape",
          "Constant",
          "Identity",
          "Pad",
          "ReduceMean",
          "ReduceSum",
          "Einsum");

  @TempDir static Path folder;
  private static Engine reference;
  private static Engine cpu;

  @BeforeAll
  static void open() {
    Fixtures.unpack("operators.zip", folder);
    reference = Runner.engine("reference");
    cpu = Runner.engine("cpu");
  }

  @AfterAll
  static void close() {
    reference.close();
    cpu.close();
  }

  @TestFactory
  Stream<DynamicTest> agreesWithOnnxRuntime() {
    return Fixtures.list(folder).stream()
        .flatMap(dir -> Stream.of(test(dir, reference), test(dir, cpu)));
  }

  private static DynamicTest test(Path dir, Engine engine) {
    return DynamicTest.dynamicTest(
        dir.getFileName() + " on " + engine.backendName(), () -> check(dir, engine));
  }

  private static void check(Path dir, Engine engine) {
    Properties about = Fixtures.properties(dir.resolve("case.properties"));
    double tolerance = Double.parseDouble(about.getProperty("tolerance"));
    Map<String, Tensor> inputs = Fixtures.arrays(dir.resolve("in"));
    Map<String, Tensor> expected = Fixtures.arrays(dir.resolve("out"));
    Map<String, Tensor> actual = Runner.run(engine, dir.resolve("model.onnx"), inputs);
    assertEquals(expected.keySet(), actual.keySet());
    expected.forEach(
        (name, e) ->
            Compare.close(
                e, actual.get(name), tolerance, name + " (" + about.getProperty("rule") + ")"));
  }

  @Test
  void everyClaimedOperatorHasACase() {
    Set<String> seen = new TreeSet<>();
    for (Path dir : Fixtures.list(folder)) {
      try (OnnxModel model = OnnxModel.open(dir.resolve("model.onnx"))) {
        seen.addAll(model.operators().keySet());
      }
    }
    Set<String> missing = new TreeSet<>(CLAIMED);
    missing.removeAll(seen);
    assertTrue(missing.isEmpty(), "without a case: " + missing);
  }
}
