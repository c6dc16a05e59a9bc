package io.github.morseengine.tests.sharing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.CompiledModel;
import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.Session;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.tests.support.Compare;
import io.github.morseengine.tests.support.ModelBuilder;
import io.github.morseengine.tests.support.Runner;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * One set of convolution weights used on a large map and on maps of a few positions, as Dash and
 * Dot do: held once, and right on every size.
 */
class SmallConvolutionTest {

  private static final int CHANNELS = 96;
  private static final float[] WEIGHTS = ModelBuilder.random(3, CHANNELS * CHANNELS * 9);
  private static final float[] BIAS = ModelBuilder.random(4, CHANNELS);

  /**
   * Sums of 864 products, up to 100 in size, where float32 has a spacing of 8e-6: some twenty
   * roundings, in an order that differs between instruction sets.
   */
  private static final double TOLERANCE = 2e-4;

  @TempDir private Path folder;

  private Path model(String name, int batch, int side, int stride, boolean residual) {
    int out = (side + 2 - 3) / stride + 1;
    ModelBuilder m = new ModelBuilder();
    m.input("x", DType.FLOAT32, batch, CHANNELS, side, side);
    m.output("y", batch, CHANNELS, out, out);
    m.floats("w", WEIGHTS, CHANNELS, CHANNELS, 3, 3).floats("b", BIAS, CHANNELS);
    m.node("Conv", residual ? "c" : "y", "x", "w", "b")
        .addAttribute(ModelBuilder.ints("pads", 1, 1, 1, 1))
        .addAttribute(ModelBuilder.ints("strides", stride, stride));
    if (residual) {
      m.node("Add", "y", "c", "x");
    }
    return m.write(folder.resolve(name + ".onnx"));
  }

  private static Map<String, Tensor> input(int batch, int side) {
    float[] x = ModelBuilder.random(side, batch * CHANNELS * side * side);
    return Map.of("x", Tensor.ofFloats(x, batch, CHANNELS, side, side));
  }

  @Test
  void weightsOfALargeMapServeMapsOfAFewPositions() {
    int[][] cases = {{1, 4, 1}, {1, 2, 1}, {1, 1, 1}, {2, 4, 1}, {3, 1, 1}, {16, 4, 1}, {1, 4, 2}};
    try (Engine cpu = Runner.engine("cpu");
        Engine reference = Runner.engine("reference")) {
      Path large = model("large", 1, 16, 1, false);
      try (CompiledModel dash = cpu.compile(large, Runner.options(input(1, 16)))) {
        long before = cpu.weightBytes();
        for (int[] c : cases) {
          for (boolean residual : new boolean[] {false, true}) {
            if (residual && c[2] != 1) {
              continue;
            }
            Path file = model("small", c[0], c[1], c[2], residual);
            Map<String, Tensor> x = input(c[0], c[1]);
            String what = "batch " + c[0] + " side " + c[1] + " residual " + residual;
            try (CompiledModel dot = cpu.compile(file, Runner.options(x))) {
              Set<Long> both = new HashSet<>(dash.weightBuffers().keySet());
              both.addAll(dot.weightBuffers().keySet());
              assertEquals(dash.weightBuffers().keySet(), both, what);
              assertEquals(before, cpu.weightBytes(), what);
              Compare.close(
                  Runner.run(reference, file, x).get("y"),
                  Runner.run(dot, x).get("y"),
                  TOLERANCE,
                  what);
            }
          }
        }
      }
    }
  }

  /** Each thread gathers and multiplies its own images; where they don't divide, all do all. */
  @ParameterizedTest
  @CsvSource({"1, 8, false", "2, 8, true", "4, 8, true", "4, 6, false"})
  void threadsTakeImagesOfTheirOwn(int threads, int batch, boolean split) {
    Path large = model("large", 1, 16, 1, false);
    Path small = model("small", batch, 4, 1, true);
    Map<String, Tensor> x = input(batch, 4);
    try (Engine cpu = Engine.builder().backend("cpu").threads(threads).build();
        Engine reference = Runner.engine("reference");
        CompiledModel dash = cpu.compile(large, Runner.options(input(1, 16)));
        CompiledModel dot = cpu.compile(small, Runner.options(x));
        Session session = dot.newSession()) {
      assertEquals(
          split, dot.steps().stream().anyMatch(step -> step.kernel().endsWith("per thread")));
      assertTrue(dash.weightBuffers().keySet().containsAll(dot.weightBuffers().keySet()));
      session.input("x").copyFrom(x.get("x"));
      session.run();
      Tensor first = Compare.copy(session.output("y"));
      Compare.close(Runner.run(reference, small, x).get("y"), first, TOLERANCE, "first run");
      for (int i = 0; i < 50; i++) {
        session.run();
        Compare.identical(first, session.output("y"), "run " + i);
      }
    }
  }
}
