package io.github.morseengine.tests.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.morseengine.engine.CompiledModel;
import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.tests.support.Compare;
import io.github.morseengine.tests.support.ModelBuilder;
import io.github.morseengine.tests.support.Runner;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** RMS normalisation on the CPU against the reference. */
class RmsNormTest {

  /**
   * Up to 9,001 squares, all of one sign, in eight accumulators of float32 at least: relative
   * errors of 2^-24 add up by their root to 34 of them, half of which pass the square root; two
   * roundings behind it, and values of at most 5.
   */
  private static final double TOLERANCE = 5 * 19 * 0x1p-24;

  @TempDir private Path folder;

  /** Attention's heads stand before the tokens in memory or behind; one row and many. */
  @ParameterizedTest
  @CsvSource({
    "2,5,3,64,-1,false", "2,5,3,64,-1,true", "1,33,7,37,-1,true", "3,4,5,1,-1,false",
    "2,3,4,5,1,false", "2,3,4,5,2,true", "1,2,3,9001,3,false", "1,257,2,64,-1,true",
    "1,1,1,8,-1,true"
  })
  void equalsTheReference(int n, int tokens, int heads, int width, int axis, boolean turned) {
    long[] shape =
        turned ? new long[] {n, heads, tokens, width} : new long[] {n, tokens, heads, width};
    int first = axis < 0 ? 3 : axis;
    long[] row = Arrays.copyOfRange(shape, first, 4);
    int size = 1;
    for (long d : row) {
      size *= (int) d;
    }
    ModelBuilder m =
        new ModelBuilder().opset(23).input("x", DType.FLOAT32, n, tokens, heads, width);
    m.output("y", shape).floats("gamma", ModelBuilder.random(1, size), row);
    if (turned) {
      m.node("Transpose", "t", "x").addAttribute(ModelBuilder.ints("perm", 0, 2, 1, 3));
    }
    m.node("RMSNormalization", "norm", turned ? "t" : "x", "gamma")
        .addAttribute(ModelBuilder.integer("axis", axis));
    m.node("Identity", "y", "norm");
    check(
        m, "RMSNorm", Tensor.ofFloats(values(n * tokens * heads * width), n, tokens, heads, width));
  }

  private static float[] values(int count) {
    float[] x = ModelBuilder.random(5, count);
    for (int i = 0; i < count; i++) {
      x[i] = 3 * x[i] + 1;
    }
    return x;
  }

  @Test
  void oneFactorForAllIsLeftToTheFallback() {
    ModelBuilder m = new ModelBuilder().opset(23).input("x", DType.FLOAT32, 4, 6).output("y", 4, 6);
    m.floats("gamma", new float[] {2}, 1);
    m.node("RMSNormalization", "y", "x", "gamma");
    check(m, "RMSNormalization", Tensor.ofFloats(values(24), 4, 6));
  }

  private void check(ModelBuilder m, String kind, Tensor x) {
    Path file = m.write(folder.resolve("norm.onnx"));
    Map<String, Tensor> in = Map.of("x", x);
    try (Engine cpu = Runner.engine("cpu");
        Engine reference = Runner.engine("reference");
        CompiledModel model = cpu.compile(file, Runner.options(in))) {
      assertEquals(1, model.steps().stream().filter(s -> s.kind().equals(kind)).count(), kind);
      Compare.close(
          Runner.run(reference, file, in).get("y"),
          Runner.run(model, in).get("y"),
          TOLERANCE,
          kind);
    }
  }
}
