package io.github.morseengine.tests.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
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

/** Missing and wrong libraries, GPUs that are too old, lost memory and lost devices. */
class DeviceFaultTest {

  @TempDir Path work;

  private Subprocess probe(String scenario, Map<String, String> environment) {
    return probe(scenario, SimulatedDevice.folder(), environment);
  }

  private Subprocess probe(String scenario, Path libraries, Map<String, String> environment) {
    Subprocess run =
        SimulatedDevice.run(
            work, libraries, environment, List.of(), DeviceProbe.class.getName(), scenario);
    assertEquals(0, run.code(), run.err());
    return run;
  }

  private static void says(Subprocess run, String step, String... parts) {
    String line =
        run.out().lines().filter(l -> l.startsWith(step + ": ")).findFirst().orElse("nothing");
    for (String part : parts) {
      assertTrue(line.contains(part), () -> line + " / " + run.err());
    }
  }

  private Path libraries(String... names) throws IOException {
    Path folder = Files.createDirectory(work.resolve("libraries"));
    for (String name : names) {
      Files.copy(SimulatedDevice.folder().resolve(name), folder.resolve(name));
    }
    return folder;
  }

  @Test
  void withoutADriver() throws IOException {
    Path folder = libraries();
    says(
        probe("open", folder, Map.of()),
        "open",
        "NativeLibraryException: no usable CUDA driver (libcuda.so.1)",
        "looked in -Dmorse.cuda.path=" + folder,
        "install NVIDIA's driver 550 or newer",
        "use the backend cpu");
  }

  @Test
  void withoutACompiler() throws IOException {
    says(
        probe("open", libraries("libcuda.so.1"), Map.of()),
        "open",
        "NativeLibraryException: no usable NVRTC (libnvrtc.so.13 or libnvrtc.so.12)",
        "nvidia-cuda-nvrtc");
  }

  @Test
  void aFileThatIsNoLibrary() throws IOException {
    Path folder = libraries("libcuda.so.1");
    Files.writeString(folder.resolve("libnvrtc.so.13"), "not a library");
    says(
        probe("open", folder, Map.of()),
        "open",
        "NativeLibraryException: no usable NVRTC",
        folder.resolve("libnvrtc.so.13") + "' is passed over: it cannot be opened");
  }

  @Test
  void aDriverThatIsTooOld() {
    says(
        probe("open", Map.of("MORSE_SIM_DRIVER", "12030")),
        "open",
        "NativeLibraryException: no usable CUDA driver",
        "it is 12.3, needed is 12.4 or newer",
        "install NVIDIA's driver 550");
  }

  @Test
  void aCompilerThatIsTooOld() {
    says(
        probe("open", Map.of("MORSE_SIM_NVRTC", "12.5")),
        "open",
        "no usable NVRTC",
        "it is 12.5, needed is 12.6 or newer");
  }

  @Test
  void aCompilerThatIsTooNewForTheDriver() {
    Map<String, String> environment = Map.of("MORSE_SIM_DRIVER", "12040");
    says(
        probe("open", environment),
        "open",
        "no usable NVRTC",
        "the driver runs only CUDA up to 12.4");
  }

  @Test
  void anOldDriverAndACompilerOfItsMajorVersion() {
    says(
        probe("open", Map.of("MORSE_SIM_DRIVER", "12040", "MORSE_SIM_NVRTC", "12.6")),
        "open",
        "done");
  }

  @Test
  void withoutAGpu() {
    says(
        probe("open", Map.of("MORSE_SIM_DEVICES", "0")),
        "open",
        "NativeLibraryException: the CUDA driver 13.0 in",
        "finds no GPU",
        "CUDA_VISIBLE_DEVICES");
  }

  @Test
  void aGpuThatIsTooOld() {
    says(
        probe("open", Map.of("MORSE_SIM_SM", "61")),
        "open",
        "NativeLibraryException: GPU 0",
        "is sm_61, needed is sm_70 or newer");
  }

  @Test
  void nativeAccessThatIsDenied() {
    Subprocess run =
        Subprocess.await(
            Subprocess.start(
                work,
                List.of(
                    "--illegal-native-access=deny",
                    "-Dmorse.cuda.path=" + SimulatedDevice.folder()),
                Subprocess.classPath(),
                List.of(DeviceProbe.class.getName(), "open")),
            work);
    assertEquals(0, run.code(), run.err());
    says(
        run,
        "open",
        "NativeLibraryException: native access is denied: start Java with"
            + " --enable-native-access=ALL-UNNAMED");
  }

  @Test
  void aFailureWhileOpeningLeavesNothing() {
    Subprocess run =
        probe("twice", Map.of("MORSE_SIM_FAIL", "cuMemPoolCreate:1:801", "MORSE_SIM_CHECK", "1"));
    says(run, "first", "NativeLibraryException: CUDA: cuMemPoolCreate(device 0) failed with");
    says(run, "second", "done");
    noLeaks(run);
  }

  @Test
  void deviceMemoryThatRunsOut() {
    // Once for the request and once after the pool was trimmed.
    Subprocess run =
        probe(
            "memory",
            Map.of("MORSE_SIM_FAIL", "cuMemAllocFromPoolAsync:1:2,cuMemAllocFromPoolAsync:2:2"));
    says(run, "first", "DeviceOutOfMemoryException: GPU 0", "has no room for 1048576 bytes");
    says(run, "second", "done");
    says(run, "bytes", "0");
  }

  @Test
  void aTrimmedPoolMayHaveRoom() {
    Subprocess run = probe("memory", Map.of("MORSE_SIM_FAIL", "cuMemAllocFromPoolAsync:1:2"));
    says(run, "first", "done");
  }

  @Test
  void pinnedMemoryThatRunsOut() {
    Subprocess run = probe("pinned", Map.of("MORSE_SIM_FAIL", "cuMemHostAlloc:1:2"));
    says(run, "first", "DeviceOutOfMemoryException: CUDA: cuMemHostAlloc(1048576 bytes");
    says(run, "second", "done");
  }

  @Test
  void aStickyFaultPoisonsTheDevice() {
    Subprocess run = probe("fault", Map.of("MORSE_SIM_FAIL", "twice:1:700"));
    says(run, "healthy", "done");
    says(
        run,
        "faulty",
        "DeviceFatalException: CUDA: cuStreamSynchronize",
        "CUDA_ERROR_ILLEGAL_ADDRESS (700)",
        "until this process restarts");
    for (String step : List.of("usable", "launch", "allocate", "module", "reopen")) {
      says(run, step, "DeviceFatalException: GPU 0 failed earlier", "restart", "cuStreamSync");
    }
    for (String step : List.of("graph", "event", "pinned", "buffer", "stream", "device")) {
      says(run, step, "done");
    }
    says(run, "bytes", "0");
  }

  @Test
  void everyHandleIsClosed() {
    Subprocess run = probe("use", Map.of("MORSE_SIM_CHECK", "1"));
    says(run, "used", "done");
    noLeaks(run);
  }

  private static void noLeaks(Subprocess run) {
    assertNull(
        run.err().lines().filter(l -> l.contains("leak")).findFirst().orElse(null), run.err());
  }

  @Test
  void doctorTellsWhatIsThere() {
    Path report = work.resolve("doctor.json");
    Subprocess run =
        SimulatedDevice.run(
            work,
            SimulatedDevice.folder(),
            Map.of("MORSE_SIM_SM", "80"),
            List.of(),
            "io.github.morseengine.cli.Main",
            "doctor",
            "--backend",
            "cpu",
            "--json",
            report);
    assertEquals(0, run.code(), run.err());
    assertTrue(run.out().contains("gpu      Simulated A100, sm_80, 108 multi"), run.out());
    assertTrue(run.out().contains("cuda     available"), run.out());
    assertTrue(run.out().contains("library  CUDA driver 13.0 in "), run.out());
    assertTrue(run.out().contains("optional no usable NVTX"), run.out());
    assertFalse(run.out().contains("missing"), run.out());
  }
}
