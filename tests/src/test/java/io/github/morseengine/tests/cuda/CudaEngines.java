package io.github.morseengine.tests.cuda;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.backend.Precision;
import io.github.morseengine.tests.support.SimulatedDevice;

/** Engines on the simulated device. */
final class CudaEngines {

  private CudaEngines() {}

  /** With NVIDIA's libraries, which take their first choice: measuring means nothing here. */
  static Engine withLibraries(Precision precision) {
    return open(precision, true);
  }

  /** With our own kernels alone. */
  static Engine ownKernels(Precision precision) {
    return open(precision, false);
  }

  private static Engine open(Precision precision, boolean libraries) {
    SimulatedDevice.use();
    System.setProperty("morse.cuda.measure", "false");
    System.setProperty("morse.cuda.cudnn", Boolean.toString(libraries));
    System.setProperty("morse.cuda.cublaslt", Boolean.toString(libraries));
    try {
      return Engine.builder().backend("cuda").precision(precision).build();
    } finally {
      System.clearProperty("morse.cuda.cudnn");
      System.clearProperty("morse.cuda.cublaslt");
    }
  }
}
