package io.github.morseengine.tests.verify;

import io.github.morseengine.engine.backend.cuda.cublaslt.CublasLtPlans;
import io.github.morseengine.engine.backend.cuda.cublaslt.MatmulPlan;
import io.github.morseengine.engine.backend.cuda.cublaslt.MatmulSpec;
import io.github.morseengine.engine.device.DiskCache;
import io.github.morseengine.engine.device.cuda.CudaDevice;
import io.github.morseengine.engine.device.cuda.Stopwatch;
import io.github.morseengine.engine.error.NativeLibraryException;
import io.github.morseengine.engine.tensor.DType;

/**
 * What the GPU reaches here and now.
 *
 * @param tflops of a large bf16 product by cuBLASLt; 0 where it is missing: no share of it is told
 * @param gigabytes per second, read and written, of a large copy
 */
record Peaks(double tflops, double gigabytes) {

  private static final long SIDE = 8192;
  private static final long COPY = 512L << 20;

  static Peaks measure(CudaDevice device, boolean quick, Lines out) {
    long bytes = quick ? 1 << 20 : COPY;
    Peaks peaks = new Peaks(product(device, quick ? 64 : SIDE, out), copy(device, bytes));
    out.peak("tflops", peaks.tflops());
    out.peak("gigabytes", peaks.gigabytes());
    return peaks;
  }

  private static double copy(CudaDevice device, long bytes) {
    try (Stopwatch watch = new Stopwatch(device, bytes, bytes)) {
      long[] at = watch.addresses();
      return 2e-3 * bytes / watch.micros(stream -> stream.copy(at[1], at[0], bytes));
    }
  }

  private static double product(CudaDevice device, long side, Lines out) {
    MatmulSpec spec = MatmulSpec.linear(DType.BFLOAT16, side, side, side, true, false, false);
    long bytes = 2 * side * side;
    try (CublasLtPlans plans = new CublasLtPlans(device, DiskCache.ofUser("plans"), true)) {
      MatmulPlan plan = plans.find(spec).orElseThrow();
      try (Stopwatch watch = new Stopwatch(device, bytes, bytes, bytes, plan.workspaceBytes())) {
        long[] at = watch.addresses();
        try (MatmulPlan.Bound bound = plan.bind(at[3], at[0], at[1], 0, 0, at[2])) {
          return spec.flops() / watch.micros(bound::enqueue) * 1e-6;
        }
      }
    } catch (NativeLibraryException e) {
      out.note("no cuBLASLt, so floors know the memory only: " + e.getMessage());
      return 0;
    }
  }

  double floorMicros(double flops, double bytes) {
    double arithmetic = tflops > 0 ? flops / tflops * 1e-6 : 0;
    return Math.max(arithmetic, gigabytes > 0 ? bytes / gigabytes * 1e-3 : 0);
  }
}
