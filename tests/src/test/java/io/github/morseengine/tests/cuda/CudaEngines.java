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

  /** With cuDNN, and the attention that the property of that name asks for. */
  static Engine attention(String choice) {
    SimulatedDevice.use();
    System.setProperty("morse.cuda.attention", choice);
    System.clearProperty("morse.cuda.measure");
    System.setProperty("morse.cuda.cublaslt", "false");
    try {
      return Engine.builder().backend("cuda").precision(Precision.FP16).build();
    } finally {
      System.clearProperty("morse.cuda.cublaslt");
    }
  }

  private static Engine open(Precision precision, boolean libraries) {
    SimulatedDevice.use();
    System.setProperty("morse.cuda.measure", "false");
    System.clearProperty("morse.cuda.attention");
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
