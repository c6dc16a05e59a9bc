package io.github.morseengine.tests.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.CompiledModel;
import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.backend.Executable.StepInfo;
import io.github.morseengine.engine.backend.Precision;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.tests.support.Compare;
import io.github.morseengine.tests.support.Fixtures;
import io.github.morseengine.tests.support.Runner;
import java.nio.file.Path;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/**
 * Every operator on the CUDA backend against ONNX Runtime, in full and in half precision, with
 * NVIDIA's libraries and with our own kernels alone.
 */
class CudaOperatorTest {

  /** Largest rounding error of one number, relative to it. */
  private static final double HALF_UNIT = 0x1p-11;

  private static final double BFLOAT_UNIT = 0x1p-8;

  /**
   * Inputs, weights, what lies between two kernels and the result are rounded once each: at most
   * some ten roundings of a third of a unit (root mean square), which add up by their root.
   */
  private static final double ROUNDINGS = 2;

  /** Functions whose argument's rounding error shows times its size. */
  private static final Set<String> BY_ARGUMENT = Set.of("exp", "sin", "cos");

  /**
   * What no kernel takes in some form, and the host computes: Gemm with a scaled bias or one per
   * row, Attention with fewer heads of keys than of queries.
   */
  private static final Set<String> ON_HOST = Set.of("Gemm", "Attention");

  @TempDir static Path folder;
  private static Engine full;
  private static Engine fullByLibraries;
  private static Engine half;
  private static Engine brain;

  @BeforeAll
  static void open() {
    Fixtures.unpack("operators.zip", folder);
    full = CudaEngines.ownKernels(Precision.FP32);
    fullByLibraries = CudaEngines.withLibraries(Precision.FP32);
    half = CudaEngines.ownKernels(Precision.FP16);
    brain = CudaEngines.withLibraries(Precision.BF16);
  }

  @AfterAll
  static void nothingIsLeft() {
    for (Engine e : new Engine[] {full, fullByLibraries, half, brain}) {
      assertEquals(0, e.deviceBytes(), e.precision() + ": device bytes");
      e.close();
    }
  }

  @TestFactory
  Stream<DynamicTest> agreesWithOnnxRuntime() {
    return Fixtures.list(folder).stream()
        .flatMap(
            dir ->
                Stream.of(
                    DynamicTest.dynamicTest(dir.getFileName() + " fp32", () -> exact(full, dir)),
                    DynamicTest.dynamicTest(
                        dir.getFileName() + " fp32 by libraries",
                        () -> exact(fullByLibraries, dir)),
                    DynamicTest.dynamicTest(
                        dir.getFileName() + " fp16", () -> rounded(half, dir, HALF_UNIT)),
                    DynamicTest.dynamicTest(
                        dir.getFileName() + " bf16", () -> rounded(brain, dir, BFLOAT_UNIT))));
  }

  private static Map<String, Tensor> run(Engine engine, Path dir) {
    return Runner.run(engine, dir.resolve("model.onnx"), Fixtures.arrays(dir.resolve("in")));
  }

  private static void exact(Engine engine, Path dir) {
    Properties about = Fixtures.properties(dir.resolve("case.properties"));
    double tolerance = Double.parseDouble(about.getProperty("tolerance"));
    Map<String, Tensor> expected = Fixtures.arrays(dir.resolve("out"));
    Map<String, Tensor> actual = run(engine, dir);
    assertEquals(expected.keySet(), actual.keySet());
    expected.forEach(
        (name, e) ->
            Compare.close(
                e, actual.get(name), tolerance, name + " (" + about.getProperty("rule") + ")"));
  }

  private static void rounded(Engine engine, Path dir, double unit) {
    double bound = ROUNDINGS * unit;
    if (BY_ARGUMENT.contains(dir.getFileName().toString())) {
      double largest = 1;
      for (Tensor in : Fixtures.arrays(dir.resolve("in")).values()) {
        for (long i = 0; i < in.elements(); i++) {
          largest = Math.max(largest, Math.abs(in.getDouble(i)));
        }
      }
      bound *= largest;
    }
    Map<String, Tensor> actual = run(engine, dir);
    for (Map.Entry<String, Tensor> e : Fixtures.arrays(dir.resolve("out")).entrySet()) {
      Tensor want = e.getValue();
      Tensor got = actual.get(e.getKey());
      assertEquals(want.dtype(), got.dtype());
      if (!want.dtype().isFloat() || want.dtype() == DType.FLOAT64) {
        Compare.identical(want, got, e.getKey());
      } else if (finite(want)) {
        double error = Compare.relativeRms(want, got);
        assertTrue(error <= bound, e.getKey() + ": relative error " + error + " above " + bound);
      }
    }
  }

  /** Results that are all zero, empty or not finite have no relative error; fp32 compares them. */
  private static boolean finite(Tensor t) {
    double norm = 0;
    for (long i = 0; i < t.elements(); i++) {
      norm += t.getDouble(i) * t.getDouble(i);
    }
    return norm > 0 && Double.isFinite(norm);
  }

  @Test
  void onlyWhatIsNamedRunsOnTheHost() {
    Set<String> found = new TreeSet<>();
    for (Path dir : Fixtures.list(folder)) {
      Map<String, Tensor> in = Fixtures.arrays(dir.resolve("in"));
      try (CompiledModel m = full.compile(dir.resolve("model.onnx"), Runner.options(in))) {
        for (StepInfo s : m.steps()) {
          if (s.kernel().startsWith("host")) {
            found.add(s.kind());
          }
        }
      }
    }
    assertTrue(ON_HOST.containsAll(found), "on the host: " + found);
  }
}
