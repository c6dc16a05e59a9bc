package io.github.morseengine.tests.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.tests.support.SimulatedDevice;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The simulated device's tests of itself: kernels/sim/test, in C++. */
class SimulatorTest {

  @Test
  void findsWhatIsWrongAndNothingElse(@TempDir Path work) throws Exception {
    Path script = Path.of(System.getProperty("morse.repository"), "kernels/sim/test/run.sh");
    Path output = work.resolve("output");
    Process tests =
        new ProcessBuilder(script.toString(), SimulatedDevice.folder().toString())
            .redirectErrorStream(true)
            .redirectOutput(output.toFile())
            .start();
    assertTrue(tests.waitFor(900, TimeUnit.SECONDS), "still running after 15 minutes");
    String said = Files.readString(output);
    assertEquals(0, tests.exitValue(), said);
    assertTrue(said.contains(" cases, 0 failed"), said);
  }
}
