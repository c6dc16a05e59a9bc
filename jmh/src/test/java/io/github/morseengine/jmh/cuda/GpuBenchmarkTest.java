package io.github.morseengine.jmh.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.device.cuda.CudaDevice;
import io.github.morseengine.engine.ffi.cublaslt.LtObject;
import io.github.morseengine.engine.ffi.cudnn.Descriptor;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.jmh.Rates;
import io.github.morseengine.jmh.endtoend.DotStep;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Each benchmark of a library's call or an own kernel runs and verifies on the simulated device.
 */
class GpuBenchmarkTest {

  /** The folder that the tests of the other modules use as well: it is built once. */
  private static final Path LIBRARIES = Path.of("../tests/target/sim").toAbsolutePath();

  @BeforeAll
  static void simulate() throws Exception {
    String script = Path.of("../kernels/sim/build.sh").toAbsolutePath().toString();
    int code = new ProcessBuilder(script, LIBRARIES.toString()).inheritIO().start().waitFor();
    assertEquals(0, code, "the simulated device does not build");
    System.setProperty("morse.cuda.path", LIBRARIES.toString());
    System.setProperty("morse.cuda.only", "true");
    System.setProperty("morse.cache", "off");
  }

  private static void run(GpuBenchmark benchmark) {
    PrintStream before = System.out;
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
    try {
      benchmark.prepare();
      Rates rates = new Rates();
      benchmark.run(rates);
      assertTrue(rates.gflop >= 0 && rates.gbyte > 0);
      benchmark.close();
    } finally {
      System.setOut(before);
    }
    String text = printed.toString(StandardCharsets.UTF_8);
    assertTrue(text.contains(" us, ") && text.contains("GB/s"), text);
    assertEquals(0, Descriptor.live() + LtObject.live(), "descriptors");
  }

  @ParameterizedTest
  @ValueSource(strings = {"bias", "bias+residual", "bias+silu"})
  void convolution(String epilogue) {
    CudnnConvolution benchmark = new CudnnConvolution();
    benchmark.shape = "1x24x7x17x3x2";
    benchmark.epilogue = epilogue;
    benchmark.type = "bfloat16";
    run(benchmark);
  }

  @ParameterizedTest
  @ValueSource(strings = {"float16", "bfloat16"})
  void attention(String type) {
    CudnnAttention benchmark = new CudnnAttention();
    benchmark.shape = "2x2x19x13x16";
    benchmark.type = type;
    run(benchmark);
  }

  @ParameterizedTest
  @ValueSource(strings = {"bias", "gelu", "accumulate"})
  void matmul(String epilogue) {
    CublasLtMatmul benchmark = new CublasLtMatmul();
    benchmark.shape = "9x22x31";
    benchmark.epilogue = epilogue;
    run(benchmark);
  }

  @ParameterizedTest
  @ValueSource(strings = {"bias", "gelu", "accumulate", "geglu"})
  void gemmKernel(String epilogue) {
    GemmKernel benchmark = new GemmKernel();
    benchmark.shape = "9x24x32";
    benchmark.epilogue = epilogue;
    run(benchmark);
  }

  @ParameterizedTest
  @CsvSource({"1x24x7x16x3x2, bias+residual", "1x24x7x16x3x1, bias+silu", "1x3x5x6x3x1, bias"})
  void convolutionKernel(String shape, String epilogue) {
    ConvImplicitGemmKernel benchmark = new ConvImplicitGemmKernel();
    benchmark.shape = shape;
    benchmark.epilogue = epilogue;
    run(benchmark);
  }

  @ParameterizedTest
  @CsvSource({"2x2x19x13x16, ''", "2x2x19x13x16, _short", "1x2x5x13x160, _short"})
  void attentionKernel(String shape, String variant) {
    AttentionKernel benchmark = new AttentionKernel();
    benchmark.shape = shape;
    benchmark.variant = variant;
    benchmark.type = "bfloat16";
    run(benchmark);
  }

  /** Once in one pass, once in two: 16384 pixels of a group fit into no block's memory. */
  @ParameterizedTest
  @ValueSource(strings = {"2x24x3x3", "1x8x128x1"})
  void groupNormKernel(String shape) {
    GroupNormSiluKernel benchmark = new GroupNormSiluKernel();
    benchmark.shape = shape;
    run(benchmark);
  }

  @ParameterizedTest
  @ValueSource(strings = {"float32", "float16", "bfloat16"})
  void rowKernels(String type) {
    LayerNormKernel norm = new LayerNormKernel();
    norm.shape = "5x40";
    GegluKernel geglu = new GegluKernel();
    geglu.shape = "5x24";
    SoftmaxKernel softmax = new SoftmaxKernel();
    softmax.shape = "5x37";
    TimestepEmbeddingKernel embedding = new TimestepEmbeddingKernel();
    embedding.shape = "3x16";
    for (GpuBenchmark benchmark : List.of(norm, geglu, softmax, embedding)) {
      benchmark.type = type;
      run(benchmark);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"float32", "float16", "bfloat16"})
  void movingKernels(String type) {
    LayoutKernel tiles = new LayoutKernel();
    tiles.shape = "2x5x3";
    LayoutKernel strided = new LayoutKernel();
    strided.shape = "2x5x3";
    strided.copy = "strided";
    ResizeKernel resize = new ResizeKernel();
    resize.shape = "2x16x3";
    PixelShuffleKernel toSpace = new PixelShuffleKernel();
    toSpace.shape = "2x12x3";
    PixelShuffleKernel toDepth = new PixelShuffleKernel();
    toDepth.shape = "2x12x3";
    toDepth.direction = "space_to_depth";
    GatherKernel gather = new GatherKernel();
    gather.shape = "7x5x6";
    PointwiseIslandKernel island = new PointwiseIslandKernel();
    island.shape = "2x5x3";
    for (GpuBenchmark b : List.of(tiles, strided, resize, toSpace, toDepth, gather, island)) {
      b.type = type;
      run(b);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"guided", "plain"})
  void residualFeedbackStepKernel(String guidance) {
    ResidualFeedbackStepKernel benchmark = new ResidualFeedbackStepKernel();
    benchmark.shape = "2x3x3";
    benchmark.guidance = guidance;
    run(benchmark);
  }

  /** A result that nobody writes stays NaN, whatever is expected. */
  @Test
  void refusesWrongResults() {
    GpuBenchmark wrong =
        new KernelBenchmark() {
          private Tensor y;

          @Override
          void build(Launches to) {
            y = result(DType.FLOAT16, 300);
            to.add("fill_half", Launches.grid(1), Tensor.allocate(DType.FLOAT16, 1), 0L, 1f);
          }

          @Override
          protected void verify(SplittableRandom places) {
            near("y", y.getDouble(places.nextLong(300)), 1, 1);
          }

          @Override
          protected long flops() {
            return 0;
          }

          @Override
          protected long bytes() {
            return 600;
          }
        };
    IllegalStateException e = assertThrows(IllegalStateException.class, wrong::prepare);
    assertTrue(e.getMessage().contains("NaN instead of 1.0"), e.getMessage());
    wrong.close();
  }

  @Test
  void peaks() {
    try (CudaDevice device = CudaDevice.open(0)) {
      Peaks peaks = Peaks.measure(device, GpuBenchmark.cache(), 128, 1 << 16);
      assertEquals("cuBLASLt", peaks.by());
      assertTrue(peaks.tflops() > 0 && peaks.gbytes() > 0 && Peaks.own(device, 128) > 0);
    }
    assertEquals(
        ", 0.250 of 400 TFLOP/s (us), 0.010 of 2000 GB/s (copy)",
        new Peaks(400, "us", 2000).shares(1e9, 200_000, 10));
  }

  @Test
  void stepOfANetwork() {
    DotStep benchmark = new DotStep();
    benchmark.directory = "../onnx-models/shipped/emoji32";
    benchmark.backend = "cuda";
    benchmark.batch = 1;
    Rates rates = new Rates();
    benchmark.prepare();
    benchmark.run(rates);
    benchmark.close();
    assertTrue(rates.gflop > 0 && rates.gbyte > 0);
  }
}
