package io.github.morseengine.tests.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.CompiledModel;
import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.ffi.onednn.Dnn;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.tests.support.Compare;
import io.github.morseengine.tests.support.ModelBuilder;
import io.github.morseengine.tests.support.Runner;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Attention whose scores do not fit into a cache, so that it is done block by block. */
class AttentionBlocksTest {

  /** Sums of some thousand products in float32. */
  private static final double TOLERANCE = 2e-5;

  /** Factors of eight bits, and exponentials of sums of their products. */
  private static final double TOLERANCE_BF16 = 0.02;

  @TempDir private Path folder;

  private static Tensor random(long seed, long... shape) {
    int n = 1;
    for (long d : shape) {
      n *= (int) d;
    }
    return Tensor.ofFloats(ModelBuilder.random(seed, n), shape);
  }

  /** Whole heads; blocks of queries with a shorter last one; more heads than threads; masks. */
  @ParameterizedTest
  @CsvSource({
    "2, 3, 1100, 700, 40, none",
    "1, 2, 1501, 1500, 16, none",
    "1, 2, 1501, 1500, 16, full",
    "2, 4, 900, 1000, 8, keys",
    "1, 1, 3001, 1000, 1, none",
  })
  void agreesWithTheReference(int batch, int heads, int l, int s, int d, String mask) {
    ModelBuilder m = new ModelBuilder();
    m.input("q", DType.FLOAT32, batch, heads, l, d).input("k", DType.FLOAT32, batch, heads, s, d);
    m.input("v", DType.FLOAT32, batch, heads, s, d).output("y", batch, heads, l, d);
    m.node("Transpose", "t", "k").addAttribute(ModelBuilder.ints("perm", 0, 1, 3, 2));
    m.node("MatMul", "products", "q", "t");
    m.floats("scale", new float[] {0.3f}).node("Mul", "scores", "products", "scale");
    Map<String, Tensor> inputs = new HashMap<>();
    String logits = "scores";
    if (!mask.equals("none")) {
      long[] shape = mask.equals("full") ? new long[] {1, 1, l, s} : new long[] {batch, 1, 1, s};
      m.input("mask", DType.FLOAT32, shape).node("Add", "masked", "scores", "mask");
      inputs.put("mask", random(4, shape));
      logits = "masked";
    }
    m.node("Softmax", "weights", logits).addAttribute(ModelBuilder.integer("axis", -1));
    m.node("MatMul", "y", "weights", "v");
    Path file = m.write(folder.resolve("attention.onnx"));
    inputs.put("q", random(1, batch, heads, l, d));
    inputs.put("k", random(2, batch, heads, s, d));
    inputs.put("v", random(3, batch, heads, s, d));
    Tensor expected;
    try (Engine reference = Runner.engine("reference")) {
      expected = Runner.run(reference, file, inputs).get("y");
    }
    for (int threads = 1; threads <= 3; threads++) {
      try (Engine cpu = Engine.builder().backend("cpu").threads(threads).build()) {
        Compare.close(expected, run(cpu, file, inputs, d > 1), TOLERANCE, threads + " threads");
      }
    }
    if (Dnn.hasBfloat16()) {
      try (Engine bf16 = HalfPrecisionTest.bf16()) {
        double error = Compare.relativeRms(expected, run(bf16, file, inputs, d > 1));
        assertTrue(error < TOLERANCE_BF16, "relative error " + error);
      }
    }
  }

  /** Runs, and sees that less memory is planned than all scores would take. */
  private static Tensor run(Engine engine, Path file, Map<String, Tensor> in, boolean blocks) {
    try (CompiledModel model = engine.compile(file, Runner.options(in))) {
      assertEquals(
          blocks, model.steps().stream().anyMatch(step -> step.kind().equals("Attention")));
      long[] q = in.get("q").shape();
      long scores = 4 * q[0] * q[1] * q[2] * in.get("k").shape()[2];
      long ports = 4 * in.values().stream().mapToLong(Tensor::elements).sum();
      assertTrue(!blocks || model.arenaBytes() < 3 * ports + scores);
      return Runner.run(model, in).get("y");
    }
  }
}
