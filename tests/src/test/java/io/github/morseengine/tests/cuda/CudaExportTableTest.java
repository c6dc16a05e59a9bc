package io.github.morseengine.tests.cuda;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.backend.Precision;
import io.github.morseengine.tests.golden.ExportErrors;
import io.github.morseengine.tests.golden.ExportTable;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The table of errors against PyTorch, as far as the simulated device computes it. */
class CudaExportTableTest {

  @TempDir static Path folder;

  @Test
  void theDeviceAgreesWithTheTable() {
    ExportErrors.unpack(folder);
    Map<String, Map<String, Double>> columns = new TreeMap<>();
    for (Precision p : new Precision[] {Precision.FP32, Precision.FP16}) {
      try (Engine engine = CudaEngines.ownKernels(p)) {
        columns.put("cuda " + p.label(), ExportErrors.measure(engine, folder, 1));
      }
    }
    ExportTable.check(columns);
  }
}
