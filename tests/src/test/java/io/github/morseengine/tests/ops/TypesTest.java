package io.github.morseengine.tests.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.CompiledModel;
import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.backend.Executable;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.tests.support.Compare;
import io.github.morseengine.tests.support.Fixtures;
import io.github.morseengine.tests.support.Runner;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** One U-Net with its weights in several types: all are computed in float32. */
class TypesTest {

  private static final double TIMES_ONNX_RUNTIME = 4;

  @TempDir static Path folder;
  private static Map<String, Tensor> inputs;
  private static double deviation;

  @BeforeAll
  static void unpack() {
    Fixtures.unpack("types.zip", folder);
    inputs = Fixtures.arrays(folder.resolve("in"));
    deviation =
        Double.parseDouble(
            Fixtures.properties(folder.resolve("deviation.properties")).getProperty("out_sample"));
  }

  @AfterAll
  static void forget() {
    inputs = null;
  }

  /** What is given to the engine in the type that the file wants, and which type it gives back. */
  @ParameterizedTest
  @CsvSource({
    "plain, float32, cpu",
    "half, float16, cpu",
    "half, float16, reference",
    "bfloat16, bfloat16, cpu",
    "int8, float32, cpu",
    "int8_tensor, float32, cpu",
  })
  void weightsOfEveryTypeGiveWhatTheyStandFor(String kind, String type, String backend) {
    try (Engine engine = Runner.engine(backend);
        CompiledModel model = compile(engine, kind)) {
      Map<String, Tensor> given = new TreeMap<>();
      for (Executable.Port p : model.inputs()) {
        given.put(p.name(), cast(inputs.get(p.name()), p.dtype()));
      }
      Tensor actual = Runner.run(model, given).get("out_sample");
      assertEquals(type, actual.dtype().toString());
      Tensor expected = Fixtures.arrays(folder.resolve(kind)).get("out_sample");
      double error = Compare.relativeRms(expected, actual);
      assertTrue(
          error <= TIMES_ONNX_RUNTIME * deviation + unit(actual.dtype()),
          "relative error " + error + ", ONNX Runtime's in float32 " + deviation);
    }
  }

  /** The file's own copy stays in the file: what is held is the packed copy, as of float32. */
  @ParameterizedTest
  @ValueSource(strings = {"half", "bfloat16", "int8", "int8_tensor"})
  void onlyThePackedCopyStays(String kind) {
    try (Engine engine = Runner.engine("cpu")) {
      long plain;
      try (CompiledModel model = compile(engine, "plain")) {
        plain = engine.weightBytes();
        assertTrue(model.weightBuffers().size() > 10);
      }
      try (CompiledModel model = compile(engine, kind)) {
        assertTrue(model.weightBuffers().size() > 10);
        assertTrue(
            engine.weightBytes() <= 1.02 * plain,
            kind + " holds " + engine.weightBytes() + " bytes, float32 " + plain);
      }
      assertEquals(0, engine.weightBytes());
    }
  }

  @Test
  void halfPrecisionIsFusedAsFloat32Is() {
    try (Engine engine = Runner.engine("cpu");
        CompiledModel plain = compile(engine, "plain");
        CompiledModel half = compile(engine, "half")) {
      assertEquals(kinds(plain), kinds(half));
    }
  }

  /** How often each kind of step occurs, conversions at the ends and copies left out. */
  private static Map<String, Integer> kinds(CompiledModel model) {
    Map<String, Integer> counts = new TreeMap<>();
    for (Executable.StepInfo s : model.steps()) {
      if (!Set.of("Cast", "Input", "Output", "copy").contains(s.kind())) {
        counts.merge(s.kind(), 1, Integer::sum);
      }
    }
    return counts;
  }

  private static CompiledModel compile(Engine engine, String kind) {
    return engine.compile(folder.resolve(kind + ".onnx"), Runner.options(inputs));
  }

  /** Half a unit in the last place, which rounding the output costs at most. */
  private static double unit(DType type) {
    return switch (type) {
      case FLOAT16 -> 0x1p-11;
      case BFLOAT16 -> 0x1p-8;
      default -> 0;
    };
  }

  private static Tensor cast(Tensor t, DType to) {
    if (t.dtype() == to) {
      return t;
    }
    Tensor out = Tensor.allocate(to, t.shape());
    for (long i = 0; i < t.elements(); i++) {
      out.setDouble(i, t.getDouble(i));
    }
    return out;
  }
}
