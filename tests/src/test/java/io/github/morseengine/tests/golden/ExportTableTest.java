package io.github.morseengine.tests.golden;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.tests.support.Runner;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The table of errors against PyTorch, as far as processors compute it. */
class ExportTableTest {

  @TempDir static Path folder;

  @Test
  void processorsAgreeWithTheTable() {
    ExportErrors.unpack(folder);
    Map<String, Map<String, Double>> columns = new TreeMap<>();
    for (String backend : List.of("reference", "cpu")) {
      try (Engine engine = Runner.engine(backend)) {
        // The plain backend is slow.
        int sizes = backend.equals("cpu") ? 2 : 1;
        columns.put(backend, ExportErrors.measure(engine, folder, sizes));
      }
    }
    Map<String, Double> peer = ExportErrors.ofOnnxRuntime(folder);
    Map<String, Double> peerRows = new TreeMap<>();
    for (String row : columns.get("cpu").keySet()) {
      Double error = peer.get(row.substring(0, row.indexOf(' ')));
      if (error != null) {
        peerRows.put(row, error);
      }
    }
    columns.put("ONNX Runtime", peerRows);
    assertEquals(70, columns.get("cpu").size());
    ExportTable.check(columns);
  }

  @Test
  void whatIsFarFromTheTableIsNamed() {
    ExportTable table =
        ExportTable.parse(
            """
            | Model | Exporter | ONNX Runtime | reference | cpu | cuda fp32 | cuda fp16 |
            |---|---|---|---|---|---|---|
            | a | dynamo-20 |  | 1.0e-07 | 2.0e-07 |  |  |
            | b | dynamo-20 |  |  | 2.0e-07 |  |  |
            """);
    Map<String, Double> errors = new TreeMap<>();
    errors.put("a dynamo-20", 7e-7);
    errors.put("b dynamo-20", 1e-7);
    assertEquals(List.of(), table.complaints("cpu", errors));
    errors.put("a dynamo-20", 9e-7);
    errors.put("b dynamo-20", 4e-8);
    errors.put("c dynamo-20", 4e-8);
    assertEquals(
        List.of(
            "a dynamo-20 on cpu: error 9.0E-7, the table has '2.0e-07'",
            "b dynamo-20 on cpu: error 4.0E-8, the table has '2.0e-07'",
            "c dynamo-20 on cpu: error 4.0E-8, the table has ''"),
        table.complaints("cpu", errors));
    assertEquals(
        List.of("a dynamo-20 on reference is in the table and not measured"),
        table.complaints("reference", Map.of()));
    assertEquals(
        List.of("a dynamo-20 on reference: error NaN, the table has '1.0e-07'"),
        table.complaints("reference", Map.of("a dynamo-20", Double.NaN)));
  }
}
