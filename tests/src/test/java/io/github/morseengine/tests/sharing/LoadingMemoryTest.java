package io.github.morseengine.tests.sharing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.tests.support.ModelBuilder;
import io.github.morseengine.tests.support.Subprocess;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Loading a model needs its packed weights and little more, and loading it again nothing. */
class LoadingMemoryTest {

  private static final int SIDE = 1024;
  private static final int LAYERS = 32;

  /** Staging of one weight, its pages of the file, and what the JVM grows by meanwhile. */
  private static final long SLACK = 40L << 20;

  @TempDir Path folder;

  /** A chain of products, every second weight transposed as PyTorch stores it, in one file. */
  private Path chain(int layers, DType type) throws IOException {
    String name = type + "x" + layers;
    long bytes = (long) type.bytes() * SIDE * SIDE;
    ModelBuilder b = new ModelBuilder().input("x0", DType.FLOAT32, 2, SIDE);
    try (OutputStream out = Files.newOutputStream(folder.resolve(name + ".bin"))) {
      for (int i = 0; i < layers; i++) {
        Tensor row = Tensor.allocate(type, SIDE);
        row.copyFrom(Tensor.ofFloats(ModelBuilder.random(i, SIDE), SIDE));
        byte[] stored = row.data().toArray(ValueLayout.JAVA_BYTE);
        for (int r = 0; r < SIDE; r++) {
          out.write(stored);
        }
        b.external(
            "w" + i,
            type,
            new long[] {SIDE, SIDE},
            "location",
            name + ".bin",
            "offset",
            Long.toString(i * bytes),
            "length",
            Long.toString(bytes));
        b.node("Cast", "f" + i, "w" + i)
            .addAttribute(ModelBuilder.integer("to", DType.FLOAT32.onnxCode()));
        b.node("Gemm", "x" + (i + 1), "x" + i, "f" + i)
            .addAttribute(ModelBuilder.integer("transB", i % 2));
      }
    }
    b.output("x" + layers, 2, SIDE);
    return b.write(folder.resolve(name + ".onnx"));
  }

  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      names = {"FLOAT32", "FLOAT16"})
  void needsOneCopy(DType type) throws IOException {
    Path small = chain(1, type);
    Path large = chain(LAYERS, type);
    List<String> options = new ArrayList<>(Subprocess.OPTIONS);
    options.addAll(List.of("-XX:+UseSerialGC", "-Xmn8m"));
    List<Object> command = List.of(LoadProbe.class.getName(), small, large, large);
    Subprocess run =
        Subprocess.await(
            Subprocess.start(folder, options, Subprocess.classPath(), command), folder);
    assertEquals(0, run.code(), run.err());
    long[][] lines =
        run.out()
            .lines()
            .map(l -> Arrays.stream(l.split(" ")).mapToLong(Long::parseLong).toArray())
            .toArray(long[][]::new);
    long weights = lines[1][0] - lines[0][0];
    long peak = lines[1][1] - lines[0][1];
    assertTrue(weights >= 4L * SIDE * SIDE * (LAYERS - 1), () -> run.out());
    assertTrue(peak <= weights + SLACK, () -> "peak grew by " + peak + " for " + weights);
    assertEquals(lines[1][0], lines[2][0], "the second load took weights");
    assertTrue(lines[2][1] - lines[1][1] <= SLACK, () -> run.out());
  }
}
