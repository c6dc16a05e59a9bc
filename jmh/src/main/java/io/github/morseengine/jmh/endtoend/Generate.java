package io.github.morseengine.jmh.endtoend;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.backend.Precision;
import io.github.morseengine.engine.morse.GenerateRequest;
import io.github.morseengine.engine.morse.GenerateResult;
import io.github.morseengine.engine.morse.ModelDirectory;
import io.github.morseengine.engine.morse.MorsePipeline;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** Sixteen pictures by ten Dash and ten Dot steps, and the same twenty steps by Dash alone. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 8, time = 1)
// One fork: the spread lies in the machine, not in how the JVM compiled.
@Fork(
    value = 1,
    jvmArgsAppend = {
      "--enable-native-access=ALL-UNNAMED",
      "--sun-misc-unsafe-memory-access=allow",
      "-XX:+UseSerialGC"
    })
public class Generate {

  private static final int COUNT = 16;
  private static final int STEPS = 20;

  /** The model directory. */
  @Param("onnx-models/shipped/emoji32")
  public String directory;

  /** cpu or cuda. */
  @Param("cpu")
  public String backend;

  /** What the backend computes with: AUTO, FP32, BF16, FP16. */
  @Param("AUTO")
  public Precision precision;

  private Engine engine;
  private MorsePipeline pipeline;

  /** Created by JMH. */
  public Generate() {}

  /** Opens the pipeline and looks at one result. */
  @Setup
  public void prepare() {
    engine = Engine.builder().backend(backend).precision(precision).build();
    pipeline = MorsePipeline.open(engine, ModelDirectory.open(Path.of(directory)));
    GenerateResult result = dashAndDot();
    for (float v : result.latents().toFloats()) {
      if (!Float.isFinite(v)) {
        throw new IllegalStateException("a sample is not finite");
      }
    }
    System.out.printf("# LSD %.2f%n", result.lsd());
  }

  /** {@return ten steps of each} */
  @Benchmark
  public GenerateResult dashAndDot() {
    return generate(STEPS / 2, 1);
  }

  /** {@return twenty steps of Dash} */
  @Benchmark
  public GenerateResult dashAlone() {
    return generate(STEPS, 0);
  }

  private GenerateResult generate(int dash, int dot) {
    GenerateRequest request =
        GenerateRequest.builder().count(COUNT).dash(dash).dot(dot).seed(1).build();
    return pipeline.generate(request, (done, total) -> {});
  }

  /** Frees the device. */
  @TearDown
  public void close() {
    pipeline.close();
    engine.close();
  }
}
