package io.github.morseengine.tests.kernels;

import io.github.morseengine.engine.device.cuda.CudaDevice;
import java.util.List;

/**
 * Runs a group of cases in a process of its own, since the simulated device reads its settings when
 * it is loaded. Prints a line per case: {@code ok NAME}, or {@code wrong NAME: what}.
 */
public final class KernelRunner {

  private KernelRunner() {}

  /**
   * Runs a group, or its first cases.
   *
   * @param arguments the group, and how many of its cases where not all
   */
  public static void main(String[] arguments) {
    try (CudaDevice device = CudaDevice.open(0)) {
      List<KernelCase> cases = KernelCase.of(arguments[0]);
      int count = arguments.length > 1 ? Integer.parseInt(arguments[1]) : cases.size();
      for (KernelCase c : cases.subList(0, Math.min(count, cases.size()))) {
        String wrong;
        try (KernelBench bench = new KernelBench(device)) {
          wrong = c.check().run(bench);
        }
        System.out.println(wrong == null ? "ok " + c.name() : "wrong " + c.name() + ": " + wrong);
      }
    }
  }
}
