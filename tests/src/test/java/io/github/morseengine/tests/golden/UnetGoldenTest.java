package io.github.morseengine.tests.golden;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.CompiledModel;
import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.graph.onnx.OnnxModel;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.tests.support.Compare;
import io.github.morseengine.tests.support.Fixtures;
import io.github.morseengine.tests.support.Runner;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** U-Nets of diffusers, as both exporters of PyTorch write them, against PyTorch. */
class UnetGoldenTest {

  /**
   * Some 60 layers of float32, each with an error of a few units in the last place (6e-8 relative)
   * that adds up by its root, and normalisation between them that keeps the scale: about 1e-6; the
   * rest is room for cancellation in the last layer. A wrong layer shows at 1e-3 and more.
   */
  private static final double RELATIVE_RMS = 1e-5;

  /** Shape arithmetic and renaming, which have no place in a plan whose shapes are bound. */
  private static final Set<String> SHAPE_WORK =
      Set.of("Shape", "Size", "ConstantOfShape", "Range", "Constant", "Reshape", "Identity");

  @TempDir static Path folder;
  private static Engine reference;
  private static Engine cpu;

  @BeforeAll
  static void open() {
    Fixtures.unpack("unets.zip", folder);
    reference = Runner.engine("reference");
    cpu = Runner.engine("cpu");
  }

  @AfterAll
  static void close() {
    reference.close();
    cpu.close();
  }

  private static List<Path> models() {
    List<Path> out = new ArrayList<>();
    for (Path kind : Fixtures.list(folder)) {
      Fixtures.list(kind).stream().filter(f -> f.toString().endsWith(".onnx")).forEach(out::add);
    }
    assertEquals(20, out.size());
    return out;
  }

  private static List<Path> samples(Path model) {
    return Fixtures.list(model.getParent()).stream().filter(Files::isDirectory).toList();
  }

  @TestFactory
  Stream<DynamicTest> agreesWithPytorch() {
    List<DynamicTest> tests = new ArrayList<>();
    for (Path model : models()) {
      for (Path sample : samples(model)) {
        for (Engine engine : List.of(cpu, reference)) {
          // One size and one opset of each exporter are enough for the slow backend.
          boolean slow = engine == reference;
          if (slow && (sample.endsWith("2x24x40") || !model.toString().matches(".*-(17|23).*"))) {
            continue;
          }
          tests.add(
              DynamicTest.dynamicTest(
                  folder.relativize(model)
                      + " "
                      + sample.getFileName()
                      + " on "
                      + engine.backendName(),
                  () -> check(engine, model, sample)));
        }
      }
    }
    return tests.stream();
  }

  private static void check(Engine engine, Path model, Path sample) {
    Map<String, Tensor> inputs = Fixtures.arrays(sample.resolve("in"));
    Tensor expected = Fixtures.arrays(sample.resolve("out")).get("out_sample");
    Tensor actual = Runner.run(engine, model, inputs).get("out_sample");
    double error = Compare.relativeRms(expected, actual);
    assertTrue(error <= RELATIVE_RMS, "relative error " + error);
  }

  @TestFactory
  Stream<DynamicTest> noShapeArithmeticIsLeftAtRunTime() {
    return models().stream()
        .map(
            model ->
                DynamicTest.dynamicTest(
                    folder.relativize(model).toString(), () -> checkPlan(model)));
  }

  private static void checkPlan(Path model) {
    Map<String, Tensor> inputs = Fixtures.arrays(samples(model).getFirst().resolve("in"));
    try (CompiledModel compiled = cpu.compile(model, Runner.options(inputs))) {
      List<String> left =
          compiled.steps().stream().map(s -> s.kind()).filter(SHAPE_WORK::contains).toList();
      assertTrue(left.isEmpty(), "left: " + left);
      assertTrue(
          compiled.arenaBytes() <= 1.1 * compiled.arenaLowerBound() + (64 << 10),
          "arena " + compiled.arenaBytes() + ", bound " + compiled.arenaLowerBound());
    }
  }

  @Test
  void exportsOfOneNetworkShareItsWeights() {
    for (Path kind : Fixtures.list(folder)) {
      Map<String, Tensor> in = Fixtures.arrays(kind.resolve("1x16x16/in"));
      try (CompiledModel first = compile(kind, "torchscript-20", in)) {
        long alone = cpu.weightBytes();
        assertTrue(alone > 0);
        try (CompiledModel second = compile(kind, "dynamo-20", in)) {
          // The exporters differ in small constants only.
          assertTrue(
              cpu.weightBytes() < alone * 1.02 + 4096,
              kind.getFileName() + ": " + alone + " grows to " + cpu.weightBytes());
          assertTrue(second.weightBuffers().size() > 10 && first.weightBuffers().size() > 10);
        }
        assertEquals(alone, cpu.weightBytes());
      }
      assertEquals(0, cpu.weightBytes());
    }
  }

  private static CompiledModel compile(Path kind, String name, Map<String, Tensor> in) {
    return cpu.compile(kind.resolve(name + ".onnx"), Runner.options(in));
  }

  @Test
  void exportsNeedNothingThatIsMissing() {
    for (Path model : models()) {
      try (OnnxModel opened = OnnxModel.open(model)) {
        assertEquals(List.of(), opened.unsupported());
      }
    }
  }
}
