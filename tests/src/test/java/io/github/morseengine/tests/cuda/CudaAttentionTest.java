package io.github.morseengine.tests.cuda;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.CompiledModel;
import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.backend.Precision;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.tests.support.Compare;
import io.github.morseengine.tests.support.ModelBuilder;
import io.github.morseengine.tests.support.Runner;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Attention of all head sizes on the kernel that is meant for them, against the reference. */
class CudaAttentionTest {

  /** Inputs, probabilities and results are rounded to half precision; sums are float32. */
  private static final double HALF = 2 * 0x1p-11;

  @TempDir Path folder;

  @ParameterizedTest
  @CsvSource({
    "8, attention_d8_short",
    "40, attention_d40_short",
    "64, attention_d64_short",
    "160, attention_d160",
    "256, attention_wide_d256",
    "512, attention_wide_d512",
    "36, attention_plain_d64",
    "520, gemm"
  })
  void agreesWithTheReference(int head, String kernel) {
    try (Engine cuda = CudaEngines.ownKernels(Precision.FP16)) {
      compare(cuda, head, kernel);
    }
  }

  /** On the simulated device cuDNN computes at once, so either may win; both must be right. */
  @ParameterizedTest
  @CsvSource({"own, attention_d64", "cudnn, cuDNN", "measured, "})
  void cudnnIsACandidate(String choice, String kernel) {
    try (Engine cuda = CudaEngines.attention(choice)) {
      compare(cuda, 64, kernel == null ? "" : kernel);
    }
  }

  /** Operands are projections, heads beside each other in each token, as networks have them. */
  private void compare(Engine cuda, int head, String kernel) {
    long[] q = {1, 67, 2 * head};
    long[] k = {1, 77, 2 * head};
    ModelBuilder b =
        new ModelBuilder()
            .opset(23)
            .input("q", DType.FLOAT32, q)
            .input("k", DType.FLOAT32, k)
            .input("v", DType.FLOAT32, k)
            .output("y", 1, 2, 67, head);
    for (String name : new String[] {"q", "k", "v"}) {
      b.longs(name + "s", 1, name.equals("q") ? 67 : 77, 2, head);
      b.node("Reshape", name + "r", name, name + "s");
      b.node("Transpose", name + "h", name + "r")
          .addAttribute(ModelBuilder.ints("perm", 0, 2, 1, 3));
    }
    b.node("Attention", "y", "qh", "kh", "vh");
    Path file = b.write(folder.resolve("attention.onnx"));
    Map<String, Tensor> in = new TreeMap<>();
    in.put("q", Tensor.ofFloats(ModelBuilder.random(1, 2 * 67 * head), q));
    in.put("k", Tensor.ofFloats(ModelBuilder.random(2, 2 * 77 * head), k));
    in.put("v", Tensor.ofFloats(ModelBuilder.random(3, 2 * 77 * head), k));
    try (Engine reference = Runner.engine("reference");
        CompiledModel model = cuda.compile(file, Runner.options(in))) {
      assertTrue(
          model.steps().stream().anyMatch(s -> s.kernel().startsWith(kernel)),
          model.steps().toString());
      Tensor want = Runner.run(reference, file, in).get("y");
      double error = Compare.relativeRms(want, Runner.run(model, in).get("y"));
      assertTrue(error <= HALF, "relative error " + error);
    }
  }
}
