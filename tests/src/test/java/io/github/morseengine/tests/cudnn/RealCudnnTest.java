package io.github.morseengine.tests.cudnn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.tests.support.Fixtures;
import io.github.morseengine.tests.support.SimulatedDevice;
import io.github.morseengine.tests.support.Subprocess;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * NVIDIA's cuDNN on a machine without a GPU: every convolution graph that the engine builds gets a
 * finalised plan for each device, by the engine's own code, in processes of their own. Needs the
 * wheels that .ci/run installs, and so the Maven profile real-cudnn; the property
 * morse.cudnn.wheels names the folder with {@code cudnn/lib} and {@code cu13/lib}.
 */
@Tag("real-cudnn")
class RealCudnnTest {

  /** cuDNN opens a driver; the simulated one says that there is no device. */
  private static final Map<String, String> NO_DEVICE = Map.of("MORSE_SIM_DEVICES", "0");

  private static String libraries(Path folder) throws Exception {
    Path wheels = Path.of(System.getProperty("morse.cudnn.wheels"));
    Path driver = Files.createDirectories(folder.resolve("driver"));
    Files.copy(SimulatedDevice.folder().resolve("libcuda.so.1"), driver.resolve("libcuda.so.1"));
    return String.join(
        File.pathSeparator,
        driver.toString(),
        wheels.resolve("cudnn/lib").toString(),
        wheels.resolve("cu13/lib").toString());
  }

  @Test
  void everyConvolutionHasAPlan(@TempDir Path folder) throws Exception {
    String libraries = libraries(folder);
    List<DevicePropertiesJson> waiting = new ArrayList<>(List.of(DevicePropertiesJson.values()));
    Map<DevicePropertiesJson, Process> running = new LinkedHashMap<>();
    while (!waiting.isEmpty() || !running.isEmpty()) {
      // Two at a time: one thread each, on two cores.
      while (running.size() < 2 && !waiting.isEmpty()) {
        DevicePropertiesJson device = waiting.removeFirst();
        running.put(device, start(folder, libraries, device));
      }
      DevicePropertiesJson first = running.keySet().iterator().next();
      Process process = running.remove(first);
      Path work = folder.resolve(first.name());
      if (!process.waitFor(30, TimeUnit.MINUTES)) {
        running.values().forEach(Process::destroyForcibly);
        process.destroyForcibly();
      }
      Subprocess run = Subprocess.await(process, work);
      assertEquals(0, run.code(), first + ": " + run.out() + run.err());
      assertTrue(run.out().contains(" plans, workspace up to "), run.out());
      System.out.print(run.out());
    }
  }

  private static Process start(Path folder, String libraries, DevicePropertiesJson device)
      throws Exception {
    Path work = Files.createDirectories(folder.resolve(device.name()));
    Path properties = Files.writeString(work.resolve("device.json"), device.json());
    List<String> options = new ArrayList<>(Subprocess.OPTIONS);
    options.add("-Dmorse.cuda.path=" + libraries);
    options.add("-Dmorse.cuda.only=true");
    List<Object> command =
        List.of(
            PlansWithoutGpu.class.getName(),
            device,
            properties,
            work.resolve("plans"),
            Fixtures.shipped("emoji32"),
            "all");
    return Subprocess.start(work, NO_DEVICE, options, Subprocess.classPath(), command);
  }

  @Test
  void wrongDescriptorsAreRefused(@TempDir Path folder) throws Exception {
    String[] places = libraries(folder).split(File.pathSeparator);
    List<Object> command =
        List.of(
            Refusals.class.getName(),
            "real",
            Path.of(places[0], "libcuda.so.1"),
            Path.of(places[2], "libcublasLt.so.13"),
            Path.of(places[2], "libnvrtc.so.13"),
            Path.of(places[1], "libcudnn.so.9"));
    Process process =
        Subprocess.start(folder, NO_DEVICE, Subprocess.OPTIONS, Subprocess.classPath(), command);
    Subprocess run = Subprocess.await(process, folder);
    assertEquals(0, run.code(), run.out() + run.err());
  }
}
