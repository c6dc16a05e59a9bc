package io.github.morseengine.tests.verify;

import io.github.morseengine.engine.CudaDiagnostics;
import io.github.morseengine.engine.device.cuda.CudaDevice;
import io.github.morseengine.tests.kernels.KernelTimes;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * One part of the verification, in a process of its own: what one of them does to the GPU's context
 * must not reach the others. Its answer is in {@link Lines}.
 */
public final class Part {

  private Part() {}

  /**
   * Runs a part.
   *
   * @param arguments its name; {@code quick} for small shapes and few runs; {@code
   *     peaks=TFLOPS,GBS}; {@code only=KERNEL}
   */
  public static void main(String[] arguments) {
    List<String> all = Arrays.asList(arguments);
    boolean quick = all.contains("quick");
    Lines out = new Lines(System.out);
    try {
      switch (arguments[0]) {
        case "doctor" -> doctor(out);
        case "models" -> new ModelChecks(out, quick).run();
        case "faults" -> new FaultChecks(out, quick).run();
        case "sticky" -> FaultChecks.sticky(out);
        case "kernels" -> kernels(out, quick, option(all, "only="));
        case "profile" -> new Workload(out, quick).run(option(all, "only="));
        case "steps" -> new StepTimes(out, quick, peaks(option(all, "peaks="))).run();
        default -> throw new IllegalArgumentException("no part " + arguments[0]);
      }
    } catch (RuntimeException | Error e) {
      e.printStackTrace();
      out.check(false, arguments[0], "ended by " + e);
    }
  }

  private static String option(List<String> all, String prefix) {
    return all.stream()
        .filter(a -> a.startsWith(prefix))
        .map(a -> a.substring(prefix.length()))
        .findFirst()
        .orElse(null);
  }

  private static Peaks peaks(String text) {
    if (text == null) {
      return new Peaks(0, 0);
    }
    String[] both = text.split(",");
    return new Peaks(Double.parseDouble(both[0]), Double.parseDouble(both[1]));
  }

  private static void doctor(Lines out) {
    out.note("java " + Runtime.version() + ", " + System.getProperty("os.version"));
    CudaDiagnostics gpu = CudaDiagnostics.inspect();
    for (CudaDiagnostics.Library l : gpu.libraries()) {
      out.note(
          l.path() == null
              ? l.name() + " is missing: " + l.problem()
              : l.name() + " " + l.version() + " " + l.path());
      if (l.path() == null && !l.optional()) {
        out.check(false, "library " + l.name(), l.problem());
      }
    }
    for (CudaDiagnostics.Device d : gpu.devices()) {
      out.note(
          String.format(
              Locale.ROOT,
              "device %s, %s, %d multiprocessors, %.1f GiB",
              d.name(),
              d.architecture(),
              d.multiprocessors(),
              d.memoryBytes() / (double) (1L << 30)));
    }
    String reason = gpu.reason();
    out.check(gpu.available(), "the CUDA backend can work", reason == null ? "" : reason);
  }

  private static void kernels(Lines out, boolean quick, String only) {
    try (CudaDevice device = CudaDevice.open(0)) {
      Peaks peaks = only == null ? Peaks.measure(device, quick, out) : new Peaks(0, 0);
      KernelTimes.run(
          device,
          quick,
          only,
          new KernelTimes.Listener() {
            @Override
            public void timed(KernelTimes.Time t) {
              out.time(t.kernel(), t.shape(), t.micros(), t.flops(), t.bytes(), peaks);
            }

            @Override
            public void failed(String kernel, RuntimeException why) {
              out.check(false, "time of " + kernel, why.getMessage());
            }
          });
      out.check(device.currentBytes() == 0, "timing leaves no device memory", "");
    }
  }
}
