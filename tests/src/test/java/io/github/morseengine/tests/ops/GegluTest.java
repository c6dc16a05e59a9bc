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
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A linear layer with GEGLU behind it, in every form that exports have. */
class GegluTest {

  private static final int K = 20;
  private static final int WIDTH = 13;
  private static final double TOLERANCE = 1e-5;
  private static final float[] WEIGHTS = ModelBuilder.random(1, K * 2 * WIDTH);

  @TempDir private Path folder;

  /** The weight is stored as PyTorch does where {@code turned}. */
  private Path model(long rows, boolean turned, boolean bias, boolean residual, String gelu) {
    ModelBuilder m = new ModelBuilder().input("x", DType.FLOAT32, 2, rows, K);
    m.output("y", 2, rows, WIDTH);
    String weight = "w";
    if (turned) {
      float[] other = new float[WEIGHTS.length];
      for (int i = 0; i < other.length; i++) {
        other[i] = WEIGHTS[i % K * 2 * WIDTH + i / K];
      }
      weight = "t";
      m.floats("w", other, 2 * WIDTH, K).node("Transpose", "t", "w");
    } else {
      m.floats("w", WEIGHTS, K, 2 * WIDTH);
    }
    m.node("MatMul", "h0", "x", weight);
    String h = "h0";
    if (bias) {
      m.floats("b", ModelBuilder.random(2, 2 * WIDTH), 2 * WIDTH).node("Add", "h1", "h0", "b");
      h = "h1";
    }
    if (residual) {
      m.input("r", DType.FLOAT32, 2, rows, 2 * WIDTH).node("Add", "h2", h, "r");
      h = "h2";
    }
    m.longs("sizes", WIDTH, WIDTH)
        .node("Split", "a,g", h, "sizes")
        .addAttribute(ModelBuilder.integer("axis", -1));
    m.node("Gelu", "f", "g").addAttribute(ModelBuilder.text("approximate", gelu));
    m.node("Mul", "y", "a", "f");
    return m.write(folder.resolve(rows + "." + turned + bias + residual + gelu + ".onnx"));
  }

  private static Map<String, Tensor> inputs(int rows) {
    Map<String, Tensor> in = new HashMap<>();
    in.put("x", Tensor.ofFloats(ModelBuilder.random(3, 2 * rows * K), 2, rows, K));
    int wide = 2 * WIDTH;
    in.put("r", Tensor.ofFloats(ModelBuilder.random(4, 2 * rows * wide), 2, rows, wide));
    return in;
  }

  private static List<String> kinds(CompiledModel model) {
    return model.steps().stream()
        .filter(s -> s.flops() > 0 && s.kind().startsWith("Linear"))
        .map(StepInfo::kind)
        .toList();
  }

  @ParameterizedTest
  @CsvSource({
    "9, false, true, false, none",
    "9, true, true, false, none",
    "9, true, false, true, none",
    "9, false, true, true, tanh",
    "400, true, true, false, tanh",
  })
  void isTwoProducts(int rows, boolean turned, boolean bias, boolean residual, String gelu) {
    Path file = model(rows, turned, bias, residual, gelu);
    Map<String, Tensor> in = inputs(rows);
    if (!residual) {
      in.remove("r");
    }
    try (Engine cpu = Runner.engine("cpu");
        Engine reference = Runner.engine("reference");
        CompiledModel model = cpu.compile(file, Runner.options(in))) {
      assertEquals(List.of("Linear+gelu", "Linear+gate"), kinds(model));
      Tensor expected = Runner.run(reference, file, in).get("y");
      Tensor actual = Runner.run(model, in).get("y");
      Compare.close(expected, actual, TOLERANCE, TOLERANCE, file.toString());
    }
  }

  /** As in Dash and in Dot, whose low-rank branch is a residual. */
  @Test
  void aBranchBesideItSharesItsWeights() {
    Map<String, Tensor> in = inputs(9);
    try (Engine cpu = Runner.engine("cpu");
        CompiledModel dot = cpu.compile(model(9, false, true, true, "none"), Runner.options(in))) {
      long alone = cpu.weightBytes();
      in.remove("r");
      try (CompiledModel dash =
          cpu.compile(model(9, true, true, false, "none"), Runner.options(in))) {
        assertEquals(alone, cpu.weightBytes());
        assertEquals(dot.weightBuffers(), dash.weightBuffers());
      }
    }
  }
}
