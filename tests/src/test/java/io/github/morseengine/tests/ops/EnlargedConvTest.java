package io.github.morseengine.tests.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.morseengine.engine.CompiledModel;
import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.backend.Executable.StepInfo;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.tests.support.Compare;
import io.github.morseengine.tests.support.ModelBuilder;
import io.github.morseengine.tests.support.Runner;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A convolution behind a nearest-neighbour doubling: four small ones where that pays. */
class EnlargedConvTest {

  private static final int IN = 40;
  private static final int OUT = 56;

  @TempDir private Path folder;

  private Path model(int kernel, String more, int height, int width) {
    ModelBuilder m = new ModelBuilder().input("x", DType.FLOAT32, 2, IN, height, width);
    int pad = kernel / 2;
    m.output("y", 2, OUT, 2 * height, 2 * width)
        .floats("scales", new float[] {1, 1, 2, 2}, 4)
        .floats("w", ModelBuilder.random(1, OUT * IN * kernel * kernel), OUT, IN, kernel, kernel)
        .floats("b", ModelBuilder.random(2, OUT), OUT);
    m.node("Resize", "up", "x", "", "scales")
        .addAttribute(ModelBuilder.text("mode", "nearest"))
        .addAttribute(ModelBuilder.text("coordinate_transformation_mode", "asymmetric"))
        .addAttribute(ModelBuilder.text("nearest_mode", "floor"));
    boolean last = more.equals("bias") || more.equals("none");
    String[] in = more.equals("none") ? new String[] {"up", "w"} : new String[] {"up", "w", "b"};
    m.node("Conv", last ? "y" : "h", in)
        .addAttribute(ModelBuilder.ints("pads", pad, pad, pad, pad));
    if (more.equals("silu")) {
      m.node("Sigmoid", "g", "h");
      m.node("Mul", "y", "h", "g");
    } else if (more.equals("residual")) {
      m.input("r", DType.FLOAT32, 2, OUT, 2 * height, 2 * width).node("Add", "y", "h", "r");
    }
    return m.write(folder.resolve(kernel + more + height + "x" + width + ".onnx"));
  }

  private static Map<String, Tensor> inputs(String more, int height, int width) {
    Map<String, Tensor> in = new HashMap<>();
    int n = 2 * IN * height * width;
    in.put("x", Tensor.ofFloats(ModelBuilder.random(3, n), 2, IN, height, width));
    if (more.equals("residual")) {
      int m = 2 * OUT * 4 * height * width;
      in.put("r", Tensor.ofFloats(ModelBuilder.random(4, m), 2, OUT, 2 * height, 2 * width));
    }
    return in;
  }

  private static long phases(CompiledModel model) {
    return model.steps().stream()
        .map(StepInfo::kind)
        .filter(kind -> kind.startsWith("enlarged Conv"))
        .count();
  }

  @ParameterizedTest
  @CsvSource({
    "3, bias, 16, 11, 4",
    "3, none, 11, 16, 4",
    "3, silu, 13, 13, 4",
    "3, residual, 16, 11, 0",
    "5, bias, 16, 11, 0",
    "3, bias, 3, 2, 0",
  })
  void agreesWithTheReference(int kernel, String more, int height, int width, int phases) {
    Path file = model(kernel, more, height, width);
    Map<String, Tensor> in = inputs(more, height, width);
    try (Engine cpu = Runner.engine("cpu");
        Engine reference = Runner.engine("reference");
        CompiledModel model = cpu.compile(file, Runner.options(in))) {
      assertEquals(phases, phases(model));
      Tensor expected = Runner.run(reference, file, in).get("y");
      Tensor actual = Runner.run(model, in).get("y");
      // Sums of up to 1,000 products of numbers about 1.
      Compare.close(expected, actual, 1e-4, 1e-4, file.toString());
    }
  }

  /** Dash and Dot, or one model at two sizes, hold the four kernels once. */
  @Test
  void twoSizesShareTheWeights() {
    Path small = model(3, "bias", 16, 11);
    Path large = model(3, "bias", 24, 16);
    try (Engine cpu = Runner.engine("cpu");
        CompiledModel one = cpu.compile(small, Runner.options(inputs("bias", 16, 11)))) {
      long alone = cpu.weightBytes();
      try (CompiledModel other = cpu.compile(large, Runner.options(inputs("bias", 24, 16)))) {
        assertEquals(4, phases(other));
        assertEquals(alone, cpu.weightBytes());
        assertEquals(one.weightBuffers(), other.weightBuffers());
      }
    }
  }
}
