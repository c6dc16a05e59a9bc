package io.github.morseengine.tests.ops;

import static io.github.morseengine.tests.support.ModelBuilder.real;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.onnx.Onnx.AttributeProto;
import io.github.morseengine.tests.support.Compare;
import io.github.morseengine.tests.support.ModelBuilder;
import io.github.morseengine.tests.support.Runner;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Random numbers of a graph: normal or uniform, the same in every run, different from node to node.
 */
class RandomNumbersTest {

  private static final int COUNT = 20_000;

  @TempDir Path folder;

  private Path model(String operator, AttributeProto... attributes) {
    ModelBuilder b =
        new ModelBuilder().input("x", DType.FLOAT32, COUNT).output("y", COUNT).output("z", COUNT);
    for (String out : new String[] {"y", "z"}) {
      b.node(operator, out, "x").addAllAttribute(List.of(attributes));
    }
    return b.write(folder.resolve("m.onnx"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void drawsAreNormalAndRepeat(String backend) {
    try (Engine engine = Runner.engine(backend)) {
      Path model = model("RandomNormalLike", real("mean", 3), real("scale", 0.5f));
      // The fourth moment of a normal distribution is three times the squared variance.
      check(engine, model, 3, 0.25, 3 * 0.0625);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void drawsAreUniformAndRepeat(String backend) {
    try (Engine engine = Runner.engine(backend)) {
      Path model = model("RandomUniformLike", real("low", -1), real("high", 5));
      for (Tensor t : check(engine, model, 2, 3, 81 / 5.0).values()) {
        for (long i = 0; i < COUNT; i++) {
          double v = t.getDouble(i);
          assertTrue(v >= -1 && v <= 5, "element " + i + " is " + v);
        }
      }
    }
  }

  private static Map<String, Tensor> check(
      Engine engine, Path model, double mean, double variance, double fourth) {
    Map<String, Tensor> x = Map.of("x", Tensor.allocate(DType.FLOAT32, COUNT));
    Map<String, Tensor> first = Runner.run(engine, model, x);
    Map<String, Tensor> second = Runner.run(engine, model, x);
    Compare.identical(first.get("y"), second.get("y"), "second run");
    assertNotEquals(first.get("y").getDouble(0), first.get("z").getDouble(0));
    for (Tensor t : first.values()) {
      double sum = 0;
      double squares = 0;
      for (long i = 0; i < COUNT; i++) {
        sum += t.getDouble(i);
        squares += Math.pow(t.getDouble(i) - mean, 2);
      }
      // Five standard errors of the mean and of the variance.
      assertEquals(mean, sum / COUNT, 5 * Math.sqrt(variance / COUNT));
      assertEquals(
          variance, squares / COUNT, 5 * Math.sqrt((fourth - variance * variance) / COUNT));
    }
    return first;
  }
}
