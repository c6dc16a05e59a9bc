package io.github.morseengine.tests.sharing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.CompileOptions;
import io.github.morseengine.engine.CompiledModel;
import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.tests.support.Compare;
import io.github.morseengine.tests.support.ModelBuilder;
import io.github.morseengine.tests.support.Runner;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Equal weights are one buffer, to the byte, wherever they come from. */
class WeightSharingTest {

  private static final int ROWS = 48;
  private static final int COLUMNS = 64;
  private static final float[] WEIGHTS = ModelBuilder.random(1, ROWS * COLUMNS);
  private static final Tensor X = Tensor.ofFloats(ModelBuilder.random(2, 5 * ROWS), 5, ROWS);

  @TempDir Path folder;
  private Engine engine;

  @BeforeEach
  void open() {
    engine = Runner.engine("cpu");
  }

  @AfterEach
  void everythingIsGivenBack() {
    assertEquals(0, engine.weightBytes());
    engine.close();
  }

  private static ModelBuilder empty() {
    return new ModelBuilder().input("x", DType.FLOAT32, 5, ROWS).output("y", 5, COLUMNS);
  }

  private static ModelBuilder plain(String name, float[] weights) {
    ModelBuilder b = empty().floats(name, weights, ROWS, COLUMNS);
    b.node("MatMul", "y", "x", name);
    return b;
  }

  /** The same product from a weight that is stored the other way round. */
  private static ModelBuilder transposed() {
    float[] turned = new float[WEIGHTS.length];
    for (int r = 0; r < ROWS; r++) {
      for (int c = 0; c < COLUMNS; c++) {
        turned[c * ROWS + r] = WEIGHTS[r * COLUMNS + c];
      }
    }
    ModelBuilder b = empty().floats("t", turned, COLUMNS, ROWS);
    b.node("Gemm", "y", "x", "t").addAttribute(ModelBuilder.integer("transB", 1));
    return b;
  }

  private CompiledModel compile(ModelBuilder b, String name) {
    Path file = b.write(folder.resolve(name));
    return engine.compile(file, CompileOptions.builder().build());
  }

  private void shares(ModelBuilder first, ModelBuilder second) {
    CompiledModel a = compile(first, "a.onnx");
    long alone = engine.weightBytes();
    assertTrue(alone >= 4L * ROWS * COLUMNS);
    CompiledModel b = compile(second, "b.onnx");
    assertEquals(alone, engine.weightBytes());
    assertEquals(a.weightBuffers(), b.weightBuffers());
    Tensor before = Runner.run(b, Map.of("x", X)).get("y");
    a.close();
    assertEquals(alone, engine.weightBytes());
    Compare.identical(before, Runner.run(b, Map.of("x", X)).get("y"), "after the other is closed");
    b.close();
  }

  @Test
  void underAnotherNameInAnotherFile() {
    shares(plain("w", WEIGHTS), plain("v", WEIGHTS));
  }

  @Test
  void storedTheOtherWayRound() {
    shares(plain("w", WEIGHTS), transposed());
    shares(transposed(), plain("w", WEIGHTS));
  }

  @Test
  void inOneExternalFile() throws IOException {
    Files.write(folder.resolve("weights.bin"), ModelBuilder.bytes(WEIGHTS));
    ModelBuilder external =
        empty().external("e", new long[] {ROWS, COLUMNS}, "location", "weights.bin");
    external.node("MatMul", "y", "x", "e");
    shares(external, external);
    shares(plain("w", WEIGHTS), external);
  }

  @Test
  void storedInHalfPrecisionAndWidened() {
    ModelBuilder half = empty();
    Tensor h = Tensor.allocate(DType.FLOAT16, ROWS, COLUMNS);
    float[] rounded = new float[WEIGHTS.length];
    for (int i = 0; i < WEIGHTS.length; i++) {
      h.setDouble(i, WEIGHTS[i]);
      rounded[i] = (float) h.getDouble(i);
    }
    half.initializer("h", DType.FLOAT16, ROWS, COLUMNS)
        .setRawData(com.google.protobuf.ByteString.copyFrom(h.data().asByteBuffer()));
    half.node("Cast", "w", "h").addAttribute(ModelBuilder.integer("to", 1));
    half.node("MatMul", "y", "x", "w");
    shares(half, plain("r", rounded));
  }

  @Test
  void oneBitOfDifferenceIsAnotherWeight() {
    float[] other = WEIGHTS.clone();
    other[100] = Math.nextUp(other[100]);
    try (CompiledModel a = compile(plain("w", WEIGHTS), "a.onnx");
        CompiledModel b = compile(plain("w", other), "b.onnx")) {
      Set<Long> common = new HashSet<>(a.weightBuffers().keySet());
      common.retainAll(b.weightBuffers().keySet());
      assertTrue(common.isEmpty());
      assertEquals(2 * 4L * ROWS * COLUMNS, engine.weightBytes());
    }
  }

  @Test
  void enginesDoNotShare() {
    try (Engine other = Runner.engine("cpu");
        CompiledModel a = compile(plain("w", WEIGHTS), "a.onnx")) {
      assertTrue(a.weightBuffers().size() > 0);
      assertEquals(0, other.weightBytes());
    }
  }
}
