package io.github.morseengine.tests.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.backend.Precision;
import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.ffi.onednn.Dnn;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.tests.support.Compare;
import io.github.morseengine.tests.support.ModelBuilder;
import io.github.morseengine.tests.support.Runner;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** bf16 products where the processor has them, and a clear refusal where it has not. */
class HalfPrecisionTest {

  /** Sums of 288 products with both factors rounded to 8 bits, relative to the sum's own size. */
  private static final double TOLERANCE = 0.01;

  @TempDir private Path folder;

  private Path model() {
    ModelBuilder m = new ModelBuilder();
    m.input("x", DType.FLOAT32, 2, 32, 9, 7).output("y", 2, 48, 9, 7);
    m.floats("w", ModelBuilder.random(1, 48 * 32 * 9), 48, 32, 3, 3);
    m.floats("b", ModelBuilder.random(2, 48), 48);
    m.node("Conv", "y", "x", "w", "b").addAttribute(ModelBuilder.ints("pads", 1, 1, 1, 1));
    return m.write(folder.resolve("conv.onnx"));
  }

  static Engine bf16() {
    return Engine.builder().backend("cpu").precision(Precision.BF16).build();
  }

  @Test
  void productsAreInHalfPrecisionOrRefused() {
    Map<String, Tensor> x =
        Map.of("x", Tensor.ofFloats(ModelBuilder.random(3, 2 * 32 * 63), 2, 32, 9, 7));
    Path file = model();
    try (Engine reference = Runner.engine("reference");
        Engine cpu = Runner.engine("cpu")) {
      if (!Dnn.hasBfloat16()) {
        InvalidInputException e = assertThrows(InvalidInputException.class, () -> bf16());
        assertTrue(e.getMessage().contains("--precision fp32"), e.getMessage());
        return;
      }
      try (Engine half = bf16()) {
        assertEquals(Precision.BF16, half.precision());
        Tensor expected = Runner.run(reference, file, x).get("y");
        Tensor actual = Runner.run(half, file, x).get("y");
        double error = Compare.relativeRms(expected, actual);
        assertTrue(error < TOLERANCE, "relative error " + error);
        double exact = Compare.relativeRms(expected, Runner.run(cpu, file, x).get("y"));
        assertTrue(error > 10 * exact, "bf16 rounds more than float32 does: " + error);
      }
    }
  }
}
