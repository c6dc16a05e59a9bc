package io.github.morseengine.tests.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.onnx.Onnx.AttributeProto;
import io.github.morseengine.tests.support.Compare;
import io.github.morseengine.tests.support.ModelBuilder;
import io.github.morseengine.tests.support.Runner;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Random numbers of a graph: normal, the same in every run, different from node to node. */
class RandomNormalTest {

  private static final int COUNT = 20_000;

  @TempDir Path folder;

  private Path model() {
    ModelBuilder b =
        new ModelBuilder().input("x", DType.FLOAT32, COUNT).output("y", COUNT).output("z", COUNT);
    for (String out : new String[] {"y", "z"}) {
      b.node("RandomNormalLike", out, "x")
          .addAttribute(number("mean", 3))
          .addAttribute(number("scale", 0.5f));
    }
    return b.write(folder.resolve("m.onnx"));
  }

  private static AttributeProto number(String name, float value) {
    return AttributeProto.newBuilder()
        .setName(name)
        .setType(AttributeProto.AttributeType.FLOAT)
        .setF(value)
        .build();
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void drawsAreNormalAndRepeat(String backend) {
    try (Engine engine = Runner.engine(backend)) {
      Map<String, Tensor> x = Map.of("x", Tensor.allocate(DType.FLOAT32, COUNT));
      Map<String, Tensor> first = Runner.run(engine, model(), x);
      Map<String, Tensor> second = Runner.run(engine, model(), x);
      Compare.identical(first.get("y"), second.get("y"), "second run");
      assertNotEquals(first.get("y").getDouble(0), first.get("z").getDouble(0));
      for (Tensor t : first.values()) {
        double sum = 0;
        double squares = 0;
        for (long i = 0; i < COUNT; i++) {
          sum += t.getDouble(i);
          squares += Math.pow(t.getDouble(i) - 3, 2);
        }
        // Five standard errors of the mean and of the variance.
        assertEquals(3, sum / COUNT, 5 * 0.5 / Math.sqrt(COUNT));
        assertEquals(0.25, squares / COUNT, 5 * 0.25 * Math.sqrt(2.0 / COUNT));
      }
    }
  }
}
