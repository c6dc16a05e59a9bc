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
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The two forms of group normalisation on the CPU, our own loops and oneDNN's primitives, with what
 * stands around it in a U-Net: a time embedding before, scale and shift and SiLU behind.
 */
class GroupNormKernelsTest {

  private static final String KERNELS = "morse.cpu.group-norm";

  /**
   * A mean of 30 deviations costs float32 squares that are not taken about it all of their digits.
   */
  private static final float OFFSET = 30;

  /** Numbers of about 1 after a normalisation of inputs of 30, whose spacing is 2e-6. */
  private static final double TOLERANCE = 2e-5;

  @TempDir private Path folder;

  @AfterEach
  void forget() {
    System.clearProperty(KERNELS);
  }

  @ParameterizedTest
  @CsvSource({
    "onednn,1,96,32,16,16,true", "onednn,2,96,32,16,16,true", "onednn,3,20,5,24,11,true",
    "onednn,3,36,1,12,13,false", "onednn,1,33,11,64,64,false", "java,1,96,32,16,16,true",
    "java,3,20,5,24,11,true", "java,3,36,1,12,13,false",
  })
  void bothEqualTheReference(
      String kernels, int n, int c, int groups, int h, int w, boolean surroundings) {
    Path file = model(n, c, groups, h, w, surroundings);
    float[] x = ModelBuilder.random(n + c, n * c * h * w);
    for (int i = 0; i < x.length; i++) {
      x[i] += OFFSET * (i / (h * w) % 3 - 1);
    }
    Map<String, Tensor> in =
        surroundings
            ? Map.of(
                "x", Tensor.ofFloats(x, n, c, h, w),
                "t", Tensor.ofFloats(ModelBuilder.random(7, n * c), n, c, 1, 1),
                "m", Tensor.ofFloats(ModelBuilder.random(8, n * c), n, c, 1, 1))
            : Map.of("x", Tensor.ofFloats(x, n, c, h, w));
    System.setProperty(KERNELS, kernels);
    try (Engine cpu = Runner.engine("cpu");
        Engine reference = Runner.engine("reference");
        CompiledModel model = cpu.compile(file, Runner.options(in))) {
      boolean primitives =
          model.steps().stream().anyMatch(s -> s.kernel().contains("group norm coefficients"));
      assertEquals(kernels.equals("onednn"), primitives, "the kernels that were asked for");
      Compare.close(
          Runner.run(reference, file, in).get("y"),
          Runner.run(model, in).get("y"),
          TOLERANCE,
          kernels);
    }
  }

  private Path model(int n, int c, int groups, int h, int w, boolean surroundings) {
    ModelBuilder m = new ModelBuilder().opset(21);
    m.input("x", DType.FLOAT32, n, c, h, w);
    m.output("y", n, c, h, w);
    m.floats("gamma", ModelBuilder.random(1, c), c).floats("beta", ModelBuilder.random(2, c), c);
    if (surroundings) {
      m.input("t", DType.FLOAT32, n, c, 1, 1).input("m", DType.FLOAT32, n, c, 1, 1);
      m.node("Add", "shifted", "x", "t");
    }
    m.node("GroupNormalization", "norm", surroundings ? "shifted" : "x", "gamma", "beta")
        .addAttribute(ModelBuilder.integer("num_groups", groups));
    if (surroundings) {
      m.node("Mul", "scaled", "norm", "m");
      m.node("Add", "moved", "scaled", "t");
      m.node("Sigmoid", "gate", "moved");
      m.node("Mul", "y", "moved", "gate");
    } else {
      m.node("Identity", "y", "norm");
    }
    return m.write(folder.resolve("norm.onnx"));
  }
}
