package io.github.morseengine.tests.conformance;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.graph.onnx.OnnxModel;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.onnx.Onnx.GraphProto;
import io.github.morseengine.onnx.Onnx.TypeProto;
import io.github.morseengine.tests.support.Fixtures;
import io.github.morseengine.tests.support.Runner;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * ONNX's own node tests on every backend, and the table of them. {@code -Dmorse.conformance=write}
 * writes the table anew.
 */
class ConformanceTest {

  private static final Path TABLE = Fixtures.repository().resolve("tests/CONFORMANCE.md");
  private static final String TRAINING = "Dropout: the numbers of numpy's generator are expected";
  private static final String DRAWN = "Bernoulli: the numbers of numpy's generator are expected";
  private static final String STATISTICS = "BatchNormalization: training mode is not supported";
  private static final List<String> BACKENDS = List.of("reference", "cpu");

  /** Tests of claimed operators that cannot pass, and why. */
  private static final Map<String, String> IMPOSSIBLE =
      Map.of(
          "test_training_dropout", TRAINING,
          "test_training_dropout_default", TRAINING,
          "test_training_dropout_default_mask", TRAINING,
          "test_training_dropout_mask", TRAINING,
          "test_bernoulli_expanded", DRAWN,
          "test_bernoulli_double_expanded", DRAWN,
          "test_bernoulli_seed_expanded", DRAWN,
          "test_batchnorm_epsilon_training_mode", STATISTICS,
          "test_batchnorm_example_training_mode", STATISTICS);

  /** Element types that the engine does not have, by their code in ONNX. */
  private static final Map<Integer, String> TYPES =
      Map.ofEntries(
          Map.entry(8, "string"),
          Map.entry(14, "complex64"),
          Map.entry(15, "complex128"),
          Map.entry(17, "float8e4m3fn"),
          Map.entry(18, "float8e4m3fnuz"),
          Map.entry(19, "float8e5m2"),
          Map.entry(20, "float8e5m2fnuz"),
          Map.entry(21, "uint4"),
          Map.entry(22, "int4"),
          Map.entry(23, "float4e2m1"),
          Map.entry(24, "float8e8m0"),
          Map.entry(25, "uint2"),
          Map.entry(26, "int2"),
          Map.entry(27, "float6e2m3"),
          Map.entry(28, "float6e3m2"));

  private static NodeTests tests;

  /** Why tests are not run, by name; every other one has to pass. */
  private static final Map<String, String> LEFT_OUT = new LinkedHashMap<>();

  private static final Map<String, Throwable> FAILURES = new LinkedHashMap<>();

  @BeforeAll
  static void runAll() {
    tests = NodeTests.read();
    for (String backend : BACKENDS) {
      try (Engine engine = Runner.engine(backend)) {
        for (NodeTests.Case c : tests.cases()) {
          String why = reason(c);
          if (why != null) {
            LEFT_OUT.put(c.name(), why);
          } else {
            run(engine, c);
          }
        }
      }
    }
  }

  private static void run(Engine engine, NodeTests.Case c) {
    try {
      Trial.run(engine, c);
    } catch (RuntimeException | AssertionError e) {
      FAILURES.put(c.name() + " on " + engine.backendName(), e);
    }
  }

  /** What a test needs that the engine does not have; null where nothing. */
  private static String reason(NodeTests.Case c) {
    if (IMPOSSIBLE.containsKey(c.name())) {
      return IMPOSSIBLE.get(c.name());
    }
    TreeSet<String> reasons = new TreeSet<>();
    try (OnnxModel model = OnnxModel.open(c.model(), null, c.name())) {
      for (OnnxModel.Unsupported u : model.unsupported()) {
        reasons.add(u.operator() + ": " + u.reason());
      }
    }
    if (reasons.isEmpty()) {
      GraphProto graph = NodeTests.parse(c.model()).getGraph();
      Stream.concat(graph.getInputList().stream(), graph.getOutputList().stream())
          .map(v -> foreignType(v.getType()))
          .filter(Objects::nonNull)
          .forEach(reasons::add);
    }
    return reasons.isEmpty() ? null : String.join("; ", reasons);
  }

  /** A type that the engine does not have. */
  private static String foreignType(TypeProto type) {
    if (!type.hasTensorType()) {
      return "not a tensor";
    }
    int code = type.getTensorType().getElemType();
    return DType.ofOnnx(code) == null ? "element type " + TYPES.getOrDefault(code, "?") : null;
  }

  @Test
  void everyOtherTestPasses() {
    StringBuilder failures = new StringBuilder();
    FAILURES.forEach((name, e) -> failures.append(name).append(": ").append(e).append('\n'));
    assertEquals("", failures.toString());
  }

  @Test
  void tableIsUpToDate() throws IOException {
    String table = table();
    if ("write".equals(System.getProperty("morse.conformance"))) {
      Files.writeString(TABLE, table);
    }
    assertEquals(
        table,
        Files.exists(TABLE) ? Files.readString(TABLE) : "",
        "tests/CONFORMANCE.md is out of date: run with -Dmorse.conformance=write");
  }

  private static String table() {
    StringBuilder out = new StringBuilder();
    int all = tests.cases().size();
    out.append("# ONNX node tests\n\n");
    out.append("Written by ConformanceTest; do not edit. Version ")
        .append(tests.version())
        .append(" of the onnx package has ")
        .append(all)
        .append(" node tests: ")
        .append(all - LEFT_OUT.size())
        .append(" pass on the backends ")
        .append(String.join(" and ", BACKENDS))
        .append(", ")
        .append(LEFT_OUT.size())
        .append(" need what the engine does not have.\n\n");
    out.append("| Test | Status | Reason |\n|---|---|---|\n");
    for (NodeTests.Case c : tests.cases()) {
      String why = LEFT_OUT.get(c.name());
      boolean failed = BACKENDS.stream().anyMatch(b -> FAILURES.containsKey(c.name() + " on " + b));
      out.append("| ")
          .append(c.name())
          .append(" | ")
          .append(why != null ? "not supported" : failed ? "fails" : "pass")
          .append(" | ")
          .append(why == null ? "" : why)
          .append(" |\n");
    }
    return out.toString();
  }
}
