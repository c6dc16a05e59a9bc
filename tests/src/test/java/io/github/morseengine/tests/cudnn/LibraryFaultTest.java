package io.github.morseengine.tests.cudnn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.tests.support.SimulatedDevice;
import io.github.morseengine.tests.support.Subprocess;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Missing, old and failing libraries: a message, nothing left, and the rest goes on. */
class LibraryFaultTest {

  /** Bytes of the convolution's output. */
  private static final long ENOUGH = 4 * 144;

  private static List<String> run(
      Path folder, Path libraries, Map<String, String> settings, long outputBytes) {
    Subprocess run =
        SimulatedDevice.run(
            folder, libraries, settings, List.of(), LibraryFaults.class.getName(), outputBytes);
    assertEquals(0, run.code(), run.out() + run.err());
    List<String> lines = run.out().lines().toList();
    assertEquals(5, lines.size(), run.out());
    return lines;
  }

  private static void nothingIsLeft(List<String> lines) {
    assertEquals("left: 0 objects, 0 bytes", lines.getLast());
  }

  private static void assertSays(String line, String... parts) {
    for (String part : parts) {
      assertTrue(line.contains(part), line);
    }
  }

  @Test
  void missingLibraries(@TempDir Path folder) throws IOException {
    Path libraries = Files.createDirectories(folder.resolve("libraries"));
    Files.copy(SimulatedDevice.folder().resolve("libcuda.so.1"), libraries.resolve("libcuda.so.1"));
    Files.copy(
        SimulatedDevice.folder().resolve("libnvrtc.so.13"), libraries.resolve("libnvrtc.so.13"));
    List<String> lines = run(folder, libraries, Map.of(), ENOUGH);
    assertSays(lines.get(0), "NativeLibraryException", "libcudnn.so.9", "install cuDNN 9");
    assertSays(lines.get(1), "NativeLibraryException", "libcublasLt.so.13", "install CUDA");
    nothingIsLeft(lines);
  }

  @Test
  void wrongVersions(@TempDir Path folder) {
    Map<String, String> settings =
        Map.of("MORSE_SIM_CUDNN_VERSION", "80907", "MORSE_SIM_CUBLASLT_VERSION", "120500");
    List<String> lines = run(folder, SimulatedDevice.folder(), settings, ENOUGH);
    assertSays(lines.get(0), "NativeLibraryException", "it is 8.9.7, needed is 9.0");
    assertSays(lines.get(1), "NativeLibraryException", "it is 12.5.0, needed is 12.6");
    nothingIsLeft(lines);
  }

  @Test
  void librariesThatDoNotStart(@TempDir Path folder) {
    Map<String, String> settings =
        Map.of("MORSE_SIM_FAIL", "cudnnCreate:1:1001,cublasLtCreate:1:3");
    List<String> lines = run(folder, SimulatedDevice.folder(), settings, ENOUGH);
    assertSays(lines.get(0), "cudnnCreate failed with CUDNN_STATUS_NOT_INITIALIZED (1001)");
    assertSays(lines.get(1), "DeviceOutOfMemoryException", "cublasLtCreate", "ALLOC_FAILED");
    assertEquals("convolution 2: done", lines.get(2));
    assertEquals("product 2: done", lines.get(3));
    nothingIsLeft(lines);
  }

  @Test
  void descriptorsThatAreRefused(@TempDir Path folder) {
    // The third tensor, and the last of a plan's descriptors, in turn.
    for (String nth : new String[] {"3", "9", "11"}) {
      Map<String, String> settings =
          Map.of("MORSE_SIM_FAIL", "cudnnBackendFinalize:" + nth + ":2000");
      List<String> lines = run(folder, SimulatedDevice.folder(), settings, ENOUGH);
      assertSays(lines.get(0), "cudnnBackendFinalize failed with CUDNN_STATUS_BAD_PARAM (2000)");
      assertEquals("convolution 2: done", lines.get(2));
      nothingIsLeft(lines);
    }
  }

  @Test
  void runsThatAreRefused(@TempDir Path folder) {
    Map<String, String> settings =
        Map.of("MORSE_SIM_FAIL", "cudnnBackendExecute:1:5001,cublasLtMatmul:1:13");
    List<String> lines = run(folder, SimulatedDevice.folder(), settings, ENOUGH);
    assertSays(lines.get(0), "cudnnBackendExecute", "EXECUTION_FAILED_CUDA_DRIVER (5001)");
    assertSays(lines.get(1), "cublasLtMatmul failed with CUBLAS_STATUS_EXECUTION_FAILED (13)");
    assertEquals("convolution 2: done", lines.get(2));
    assertEquals("product 2: done", lines.get(3));
    nothingIsLeft(lines);
  }

  @Test
  void aWriteOutOfBoundsPoisonsTheDevice(@TempDir Path folder) {
    List<String> lines = run(folder, SimulatedDevice.folder(), Map.of(), ENOUGH - 4);
    assertSays(lines.get(0), "DeviceFatalException", "ILLEGAL_ADDRESS");
    for (String line : lines.subList(1, 4)) {
      assertSays(line, "DeviceFatalException", "needs a restart of this process");
    }
  }
}
