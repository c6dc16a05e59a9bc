package io.github.morseengine.tests.cudnn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.tests.support.Fixtures;
import io.github.morseengine.tests.support.SimulatedDevice;
import io.github.morseengine.tests.support.Subprocess;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Plans for devices that are only described, by the simulated cuDNN. */
class WithoutGpuTest {

  @ParameterizedTest
  @EnumSource
  void everyConvolutionHasAPlan(DevicePropertiesJson device, @TempDir Path folder)
      throws Exception {
    Path properties = Files.writeString(folder.resolve("device.json"), device.json());
    Subprocess run =
        SimulatedDevice.run(
            folder,
            SimulatedDevice.folder(),
            Map.of("MORSE_SIM_DEVICES", "0"),
            List.of(),
            PlansWithoutGpu.class.getName(),
            device,
            properties,
            folder.resolve("plans"),
            Fixtures.shipped("emoji32"),
            device == DevicePropertiesJson.H200 ? "all" : "few");
    assertEquals(0, run.code(), run.out() + run.err());
    assertTrue(run.out().contains(" plans, workspace up to "), run.out());
  }

  @Test
  void wrongDescriptorsAreRefusedAsByTheRealOne(@TempDir Path folder) {
    Path libraries = SimulatedDevice.folder();
    Subprocess run =
        SimulatedDevice.run(
            folder,
            libraries,
            Map.of("MORSE_SIM_DEVICES", "0"),
            List.of(),
            Refusals.class.getName(),
            "simulated",
            libraries.resolve("libcuda.so.1"),
            libraries.resolve("libcudnn.so.9"));
    assertEquals(0, run.code(), run.out() + run.err());
  }
}
