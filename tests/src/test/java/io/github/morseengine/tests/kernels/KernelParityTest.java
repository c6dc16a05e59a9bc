package io.github.morseengine.tests.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.fail;

import io.github.morseengine.tests.support.SimulatedDevice;
import io.github.morseengine.tests.support.Subprocess;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/**
 * Every kernel at odd sizes against a plain reference, on the simulated device with its checks on:
 * races in shared memory, memory that nobody has written, bounds and alignment end a case.
 */
class KernelParityTest {

  @TempDir private Path work;

  @TestFactory
  Stream<DynamicTest> products() {
    return group("products");
  }

  @TestFactory
  Stream<DynamicTest> attention() {
    return group("attention");
  }

  @TestFactory
  Stream<DynamicTest> norms() {
    return group("norms");
  }

  @TestFactory
  Stream<DynamicTest> movement() {
    return group("movement");
  }

  @TestFactory
  Stream<DynamicTest> step() {
    return group("step");
  }

  @TestFactory
  Stream<DynamicTest> pointwise() {
    return group("pointwise");
  }

  private Stream<DynamicTest> group(String group) {
    Subprocess run =
        SimulatedDevice.run(
            work,
            SimulatedDevice.folder(),
            Map.of("MORSE_SIM_CHECK", "1"),
            List.of("-Dmorse.repository=" + System.getProperty("morse.repository")),
            KernelRunner.class.getName(),
            group);
    List<String> lines = run.out().lines().toList();
    Stream<DynamicTest> cases =
        KernelCase.of(group).stream()
            .map(c -> DynamicTest.dynamicTest(c.name(), () -> look(c, lines, run)));
    return Stream.concat(
        cases,
        Stream.of(
            DynamicTest.dynamicTest(
                group + ": nothing was reported or left",
                () -> assertEquals("0 ", run.code() + " " + run.err()))));
  }

  private static void look(KernelCase c, List<String> lines, Subprocess run) {
    if (lines.contains("ok " + c.name())) {
      return;
    }
    for (String line : lines) {
      if (line.startsWith("wrong " + c.name() + ": ")) {
        fail(line);
      }
    }
    fail(c.name() + " did not run to its end: " + run.err());
  }
}
