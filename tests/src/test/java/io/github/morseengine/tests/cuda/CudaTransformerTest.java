package io.github.morseengine.tests.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.backend.Precision;
import io.github.morseengine.tests.latent.PipelineGoldens;
import io.github.morseengine.tests.support.Fixtures;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Folders whose Dash is a transformer on the CUDA backend, against the pictures that diffusers
 * draws: the loop that runs on the device sees the cut estimate and the renamed sample.
 */
class CudaTransformerTest {

  @TempDir static Path folder;

  @BeforeAll
  static void unpack() {
    Fixtures.unpack("transformers.zip", folder);
    Fixtures.unpack("mmdit.zip", folder);
    Fixtures.unpack("t5.zip", folder);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"sd3/golden/plain", "sd3_morse/golden/dash_and_dot", "sd3_t5/golden/empty"})
  void textsDrawAsOnTheCpu(String golden) throws IOException {
    try (Engine engine = CudaEngines.ownKernels(Precision.FP32)) {
      PipelineGoldens.check(engine, folder.resolve(golden));
      assertEquals(0, engine.deviceBytes(), "device bytes");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"dit/golden/guided", "dit_dynamo/golden/dash_and_dot"})
  void labelsDrawAsOnTheCpu(String golden) {
    try (Engine engine = CudaEngines.ownKernels(Precision.FP32)) {
      PipelineGoldens.checkLabels(engine, folder.resolve(golden));
      assertEquals(0, engine.deviceBytes(), "device bytes");
    }
  }
}
