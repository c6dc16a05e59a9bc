package io.github.morseengine.tests.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.morseengine.engine.device.cuda.CudaDevice;
import io.github.morseengine.engine.device.cuda.CudaModule;
import io.github.morseengine.tests.support.SimulatedDevice;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** A test on a simulated device of its own, of which nothing may be left, with a module to try. */
abstract class OnDevice {

  /** y = y * a + b over n elements. */
  static final String SCALE =
      """
      #include "scale.cuh"
      extern "C" __global__ void scale(float* y, long long n, float a, int b) {
        long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
        if (i < n) y[i] = affine(y[i], a, b);
      }
      extern "C" __global__ void twice(float* y) { y[threadIdx.x] *= 2.0f; }
      """;

  static final Map<String, String> HEADERS =
      Map.of(
          "scale.cuh",
          "__device__ inline float affine(float y, float a, int b) {" + " return y * a + b; }\n");

  CudaDevice device;

  @BeforeEach
  void open() {
    SimulatedDevice.use();
    device = CudaDevice.open(0);
  }

  @AfterEach
  void nothingIsLeft() {
    device.close();
    assertEquals(0, device.currentBytes(), "device bytes");
    assertThrows(IllegalStateException.class, device::synchronize, "everything was closed");
  }

  final CudaModule module() {
    return device.module("scale.cu", SCALE, HEADERS, List.of());
  }
}
