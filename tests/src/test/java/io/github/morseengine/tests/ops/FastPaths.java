package io.github.morseengine.tests.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.morseengine.engine.CompileOptions;
import io.github.morseengine.engine.CompiledModel;
import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.backend.Executable.StepInfo;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.tests.support.Runner;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** Runs models of one operator on the CPU, which may not leave it to the reference. */
final class FastPaths {

  private FastPaths() {}

  /** What the reference and the CPU computed. */
  record Results(Tensor expected, Tensor actual) {}

  /** Runs a model with an input x and an output y; operators of a kind may be left to it. */
  static Results run(Path file, Tensor x, String... left) {
    try (Engine cpu = Runner.engine("cpu");
        Engine reference = Runner.engine("reference")) {
      try (CompiledModel model = cpu.compile(file, CompileOptions.builder().build())) {
        List<String> slow =
            model.steps().stream()
                .filter(s -> s.kernel().equals("Java reference"))
                .map(StepInfo::kind)
                .filter(k -> !List.of(left).contains(k))
                .toList();
        assertEquals(List.of(), slow, file.getFileName().toString());
      }
      Map<String, Tensor> in = Map.of("x", x);
      return new Results(
          Runner.run(reference, file, in).get("y"), Runner.run(cpu, file, in).get("y"));
    }
  }
}
