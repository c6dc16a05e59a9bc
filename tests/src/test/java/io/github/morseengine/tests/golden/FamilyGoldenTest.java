package io.github.morseengine.tests.golden;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.tests.support.Compare;
import io.github.morseengine.tests.support.Fixtures;
import io.github.morseengine.tests.support.Runner;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/**
 * The networks of latent diffusion pipelines, as both exporters of PyTorch write them, against
 * PyTorch. The tolerance is four times what ONNX Runtime deviates, measured by the script that made
 * them.
 */
class FamilyGoldenTest {

  private static final double TIMES_ONNX_RUNTIME = 4;

  @TempDir static Path folder;
  private static Engine reference;
  private static Engine cpu;

  @BeforeAll
  static void open() {
    Fixtures.unpack("families.zip", folder);
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
    for (Path family : Fixtures.list(folder)) {
      Fixtures.list(family).stream().filter(f -> f.toString().endsWith(".onnx")).forEach(out::add);
    }
    assertEquals(50, out.size());
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
        tests.add(test(model, sample, cpu));
        // One size and the newest opset of each exporter are enough for the slow backend.
        boolean first = sample.equals(samples(model).getFirst());
        if (first && model.toString().matches(".*-(17|23).*")) {
          tests.add(test(model, sample, reference));
        }
      }
    }
    return tests.stream();
  }

  private static DynamicTest test(Path model, Path sample, Engine engine) {
    return DynamicTest.dynamicTest(
        folder.relativize(model) + " " + sample.getFileName() + " on " + engine.backendName(),
        () -> check(engine, model, sample));
  }

  private static void check(Engine engine, Path model, Path sample) {
    Properties deviations = Fixtures.properties(model.resolveSibling("tolerance.properties"));
    Map<String, Tensor> expected = Fixtures.arrays(sample.resolve("out"));
    Map<String, Tensor> actual = Runner.run(engine, model, Fixtures.arrays(sample.resolve("in")));
    expected.forEach(
        (name, e) -> {
          double deviation =
              Double.parseDouble(deviations.getProperty(sample.getFileName() + "/" + name));
          double error = Compare.relativeRms(e, actual.get(name));
          assertTrue(
              error <= TIMES_ONNX_RUNTIME * deviation,
              name + ": relative error " + error + ", ONNX Runtime's " + deviation);
        });
  }
}
