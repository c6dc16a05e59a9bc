package io.github.morseengine.tests.ops;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.tests.support.Compare;
import io.github.morseengine.tests.support.ModelBuilder;
import io.github.morseengine.tests.support.Runner;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Attention over slices of one tensor, as models with joined projections have it, with every
 * combination of one and several samples, heads, queries, keys and channels: strides of dimensions
 * of size 1 mean nothing, and kernels that read them go wrong only there.
 */
class AttentionShapeTest {

  private static final double TOLERANCE = 1e-5;

  @TempDir private Path folder;

  @Test
  void cpuAgreesWithTheReferenceAtEveryCombinationOfOnes() {
    try (Engine cpu = Runner.engine("cpu");
        Engine reference = Runner.engine("reference")) {
      for (int bits = 0; bits < 32; bits++) {
        int batch = (bits & 1) == 0 ? 1 : 3;
        int heads = (bits & 2) == 0 ? 1 : 4;
        int queries = (bits & 4) == 0 ? 1 : 3;
        int keys = (bits & 8) == 0 ? 1 : 5;
        int width = (bits & 16) == 0 ? 1 : 8;
        Path file = model(batch, heads, queries, keys, width);
        int all = 3 * heads * width;
        Map<String, Tensor> inputs =
            Map.of(
                "x",
                Tensor.ofFloats(
                    ModelBuilder.random(bits, batch * queries * all), batch, queries, all),
                "y",
                Tensor.ofFloats(ModelBuilder.random(~bits, batch * keys * all), batch, keys, all));
        Map<String, Tensor> expected = Runner.run(reference, file, inputs);
        Map<String, Tensor> actual = Runner.run(cpu, file, inputs);
        String what =
            "batch "
                + batch
                + " heads "
                + heads
                + " queries "
                + queries
                + " keys "
                + keys
                + " width "
                + width;
        Compare.close(expected.get("plain"), actual.get("plain"), TOLERANCE, what);
        Compare.close(expected.get("attended"), actual.get("attended"), TOLERANCE, what);
      }
    }
  }

  /** Two outputs: attention, and the same products without a softmax, which nothing fuses. */
  private Path model(long batch, long heads, long queries, long keys, long width) {
    long c = heads * width;
    ModelBuilder m = new ModelBuilder();
    m.input("x", DType.FLOAT32, batch, queries, 3 * c)
        .input("y", DType.FLOAT32, batch, keys, 3 * c);
    m.output("plain", batch, heads, queries, width);
    m.output("attended", batch, heads, queries, width);
    m.longs("none", 0).longs("one", c).longs("two", 2 * c).longs("axis", 2);
    m.longs("split_q", batch, queries, heads, width).longs("split_k", batch, keys, heads, width);
    m.node("Slice", "q0", "x", "none", "one", "axis");
    m.node("Slice", "k0", "y", "none", "one", "axis");
    m.node("Slice", "v0", "y", "one", "two", "axis");
    m.node("Reshape", "q1", "q0", "split_q");
    m.node("Reshape", "k1", "k0", "split_k");
    m.node("Reshape", "v1", "v0", "split_k");
    m.node("Transpose", "q", "q1").addAttribute(ModelBuilder.ints("perm", 0, 2, 1, 3));
    m.node("Transpose", "k", "k1").addAttribute(ModelBuilder.ints("perm", 0, 2, 3, 1));
    m.node("Transpose", "v", "v1").addAttribute(ModelBuilder.ints("perm", 0, 2, 1, 3));
    m.node("MatMul", "scores", "q", "k");
    m.node("Sigmoid", "gate", "scores");
    m.node("MatMul", "plain", "gate", "v");
    m.floats("half", new float[] {0.5f}).node("Mul", "scaled", "q", "half");
    m.node("MatMul", "scores2", "scaled", "k");
    m.node("Softmax", "weights", "scores2").addAttribute(ModelBuilder.integer("axis", -1));
    m.node("MatMul", "attended", "weights", "v");
    return m.write(folder.resolve("attention.onnx"));
  }
}
