package io.github.morseengine.jmh.cuda;

import io.github.morseengine.engine.backend.cuda.cublaslt.CublasLtPlans;
import io.github.morseengine.engine.backend.cuda.cublaslt.MatmulPlan;
import io.github.morseengine.engine.backend.cuda.cublaslt.MatmulSpec;
import io.github.morseengine.engine.device.DiskCache;
import io.github.morseengine.engine.device.cuda.CudaDevice;
import io.github.morseengine.engine.device.cuda.Stopwatch;
import io.github.morseengine.engine.error.NativeLibraryException;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import java.util.Locale;

/**
 * What a GPU reaches where nothing else counts, measured in the process whose times are compared
 * with it.
 *
 * @param tflops 10^12 operations per second of one large product in bfloat16
 * @param by what ran that product
 * @param gbytes 10^9 bytes per second of one large copy, reads and writes counted
 */
record Peaks(double tflops, String by, double gbytes) {

  /** Large enough that nothing but the multiplication counts. */
  private static final int SIDE = 8192;

  /** Larger than any cache. */
  private static final long COPY_BYTES = 1L << 29;

  /** Measures both. */
  static Peaks measure(CudaDevice device, DiskCache cache) {
    return measure(device, cache, SIDE, COPY_BYTES);
  }

  /** Measures with matrices and a copy of other sizes. */
  static Peaks measure(CudaDevice device, DiskCache cache, int side, long copyBytes) {
    double gbytes;
    try (Stopwatch watch = new Stopwatch(device, copyBytes, copyBytes)) {
      long[] at = watch.addresses();
      gbytes = 2e-3 * copyBytes / watch.micros(s -> s.copy(at[1], at[0], copyBytes));
    }
    try {
      return new Peaks(library(device, cache, side), "cuBLASLt", gbytes);
    } catch (NativeLibraryException e) {
      return new Peaks(own(device, side), "our gemm, as cuBLASLt is missing", gbytes);
    }
  }

  private static double library(CudaDevice device, DiskCache cache, int side) {
    MatmulSpec spec = MatmulSpec.linear(DType.BFLOAT16, side, side, side, true, false, false);
    long bytes = 2L * side * side;
    try (CublasLtPlans plans = new CublasLtPlans(device, cache, true)) {
      MatmulPlan plan = plans.find(spec).orElseThrow();
      try (Stopwatch watch = new Stopwatch(device, bytes, bytes, bytes, plan.workspaceBytes())) {
        long[] at = watch.addresses();
        try (MatmulPlan.Bound bound = plan.bind(at[3], at[0], at[1], 0, 0, at[2])) {
          return spec.flops() / watch.micros(bound::enqueue) * 1e-6;
        }
      }
    }
  }

  /** {@return 10^12 operations per second of a product by our own kernel} */
  static double own(CudaDevice device, int side) {
    long bytes = 2L * side * side;
    try (Stopwatch watch = new Stopwatch(device, bytes, bytes, bytes)) {
      long[] at = watch.addresses();
      Tensor a = Tensor.allocate(DType.BFLOAT16, 1);
      Tensor b = Tensor.allocate(DType.BFLOAT16, 1);
      Tensor c = Tensor.allocate(DType.BFLOAT16, 1);
      Launches launches =
          new Launches(device, DType.BFLOAT16, t -> t == a ? at[0] : t == b ? at[1] : at[2]);
      GemmKernel.add(launches, "gemm_128x128", side, side, side, a, b, null, null, c);
      return 2.0 * side * side * side / watch.micros(launches::enqueue) * 1e-6;
    }
  }

  /** {@return the shares that a time reaches, for the last line of a benchmark} */
  String shares(double flops, double bytes, double micros) {
    return String.format(
        Locale.ROOT,
        ", %.3f of %.0f TFLOP/s (%s), %.3f of %.0f GB/s (copy)",
        flops / micros * 1e-6 / tflops,
        tflops,
        by,
        bytes / micros * 1e-3 / gbytes,
        gbytes);
  }
}
