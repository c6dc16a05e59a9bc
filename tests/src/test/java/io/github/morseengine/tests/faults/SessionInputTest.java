package io.github.morseengine.tests.faults;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.CompiledModel;
import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.Session;
import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.tests.support.ModelBuilder;
import io.github.morseengine.tests.support.Runner;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Numbers that are none, given to a session. */
class SessionInputTest {

  @TempDir private Path folder;

  @Test
  void notANumberIsRefusedAndInfinityIsNot() {
    ModelBuilder m = new ModelBuilder().input("x", DType.FLOAT32, 4).output("y", 4);
    m.node("Tanh", "y", "x");
    Path file = m.write(folder.resolve("tanh.onnx"));
    Tensor bad = Tensor.ofFloats(new float[] {0, 1, Float.NaN, 2}, 4);
    Tensor good = Tensor.ofFloats(new float[] {0, Float.POSITIVE_INFINITY, -1, 2}, 4);
    try (Engine engine = Runner.engine("cpu");
        CompiledModel model = engine.compile(file, Runner.options(Map.of("x", good)));
        Session session = model.newSession()) {
      InvalidInputException e =
          assertThrows(InvalidInputException.class, () -> session.setInput("x", bad));
      assertTrue(e.getMessage().contains("'x'") && e.getMessage().contains("element 2"));
      session.setInput("x", good).run();
      assertEquals(1.0, session.output("y").getDouble(1), 1e-6);
    }
  }
}
