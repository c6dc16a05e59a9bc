package io.github.morseengine.tests.conformance;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.backend.Precision;
import io.github.morseengine.tests.support.Runner;
import io.github.morseengine.tests.support.SimulatedDevice;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** ONNX's own node tests on the simulated device: whatever the reference passes passes there. */
class CudaConformanceTest {

  /** All but those with operators that no backend has; see CONFORMANCE.md. */
  private static final int LEAST = 1300;

  @Test
  void passesWhatTheReferencePasses() {
    SimulatedDevice.use();
    System.setProperty("morse.cuda.measure", "false");
    List<String> failures = new ArrayList<>();
    int passed = 0;
    try (Engine cuda = Engine.builder().backend("cuda").precision(Precision.FP32).build();
        Engine reference = Runner.engine("reference")) {
      for (NodeTests.Case c : NodeTests.read().cases()) {
        if (c.inputs() == null) {
          continue;
        }
        Throwable failure = failure(cuda, c);
        if (failure == null) {
          passed++;
        } else if (failure(reference, c) == null) {
          failures.add(c.name() + ": " + failure.getMessage());
        }
      }
      assertEquals(0, cuda.deviceBytes(), "device bytes");
    }
    assertTrue(failures.isEmpty(), String.join("\n", failures));
    assertTrue(passed >= LEAST, "passed: " + passed);
  }

  private static Throwable failure(Engine engine, NodeTests.Case c) {
    try {
      Trial.run(engine, c);
      return null;
    } catch (RuntimeException | AssertionError e) {
      return e;
    }
  }
}
