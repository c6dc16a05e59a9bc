package io.github.morseengine.jmh.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.ffi.cublaslt.LtObject;
import io.github.morseengine.engine.ffi.cudnn.Descriptor;
import io.github.morseengine.jmh.Rates;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Each benchmark of a library's call runs and verifies on the simulated device. */
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
      assertTrue(rates.gflop > 0 && rates.gbyte > 0);
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
}
