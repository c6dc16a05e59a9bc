package io.github.morseengine.engine.backend.cuda;

import io.github.morseengine.engine.device.cuda.CudaDevice;
import io.github.morseengine.engine.device.cuda.CudaKernel;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.kernels.KernelInstance;
import io.github.morseengine.kernels.KernelSources;
import java.util.List;

/**
 * Launches of shipped and of generated kernels, compiled at first use. Safe for several threads.
 */
final class Kernels {

  /** Threads per block of generated kernels. */
  static final int GENERATED_THREADS = 256;

  private final CudaDevice device;

  Kernels(CudaDevice device) {
    this.device = device;
  }

  /**
   * Starts a launch of a shipped kernel.
   *
   * @param name its instance
   * @param type the element type that it computes with
   */
  KernelStep step(String name, DType type) {
    KernelInstance i = KernelSources.instance(name);
    List<String> options = i.options(ElementTypes.code(type));
    CudaKernel kernel =
        device
            .module(i.file(), KernelSources.source(i.file()), KernelSources.headers(), options)
            .kernel(i.entry());
    String label = i.types().isEmpty() ? name : name + " " + type;
    return new KernelStep(kernel, label, i.threads(), Math.max(0, i.sharedBytes()));
  }

  /** A macro of a shipped kernel, such as its tile size. */
  static int macro(String name, String macro) {
    return KernelSources.instance(name).macro(macro);
  }

  /** Whether a kernel is shipped. */
  static boolean has(String name) {
    return KernelSources.instances().stream().anyMatch(i -> i.name().equals(name));
  }

  /** Bytes of dynamic shared memory of a shipped kernel. */
  static long shared(String name) {
    return KernelSources.instance(name).sharedBytes();
  }

  /**
   * Starts a launch of a generated kernel.
   *
   * @param entry its name in the source
   * @param source the whole source
   * @param label for reports
   */
  KernelStep generated(String entry, String source, String label) {
    CudaKernel kernel =
        device.module(entry + ".cu", source, KernelSources.headers(), List.of()).kernel(entry);
    return new KernelStep(kernel, label, GENERATED_THREADS, 0);
  }
}
