package io.github.morseengine.tests.kernels;

import io.github.morseengine.engine.device.cuda.CudaDevice;

/**
 * Runs a group of cases in a process of its own, since the simulated device reads its settings when
 * it is loaded. Prints a line per case: {@code ok NAME}, or {@code wrong NAME: what}.
 */
final class KernelRunner {

  private KernelRunner() {}

  /**
   * Runs the group that the only argument names.
   *
   * @param arguments the group
   */
  public static void main(String[] arguments) {
    try (CudaDevice device = CudaDevice.open(0)) {
      for (KernelCase c : KernelCase.of(arguments[0])) {
        String wrong;
        try (KernelBench bench = new KernelBench(device)) {
          wrong = c.check().run(bench);
        }
        System.out.println(wrong == null ? "ok " + c.name() : "wrong " + c.name() + ": " + wrong);
      }
    }
  }
}
