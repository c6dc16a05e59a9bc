package io.github.morseengine.engine.backend.cuda.cublaslt;

import io.github.morseengine.engine.device.DiskCache;
import io.github.morseengine.engine.device.cuda.CudaDevice;
import io.github.morseengine.engine.device.cuda.CudaStream;
import io.github.morseengine.engine.device.cuda.DeviceBuffer;
import io.github.morseengine.engine.device.cuda.Stopwatch;
import io.github.morseengine.engine.error.NativeLibraryException;
import io.github.morseengine.engine.ffi.CudaLibraries;
import io.github.morseengine.engine.ffi.CudaLibrary;
import io.github.morseengine.engine.ffi.cublaslt.LtHandle;
import io.github.morseengine.engine.ffi.cublaslt.MatmulDesc;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * cuBLASLt on one device: finds the algorithm of each product once, and keeps it until it is
 * closed, which comes after the last run. Safe for use by several threads; close is idempotent.
 */
public final class CublasLtPlans implements AutoCloseable {

  /** Candidates that are measured per product; they cost microseconds, not compilation. */
  private static final int CANDIDATES = 12;

  /** What the library's own default is on Hopper, where the largest split-k kernels need it. */
  private static final long WORKSPACE = 32L << 20;

  /** Part of every key; changes with the form of entries. */
  private static final String FORM = "cublaslt algorithm 1";

  /** Stands for a bias while algorithms are sought: only its alignment counts then. */
  private static final long ANY_BIAS = 256;

  private final CudaDevice device;
  private final DiskCache cache;
  private final boolean measured;
  private final String version;
  private final LtHandle handle;
  private final Map<MatmulSpec, Optional<MatmulPlan>> plans = new HashMap<>();

  /** Keeps the device's context alive, however early the device is closed. */
  private final CudaStream stream;

  private boolean closed;

  /**
   * Opens cuBLASLt.
   *
   * @param device the device
   * @param cache where choices are kept
   * @param measured whether candidates are timed on the device; else the heuristics' first is taken
   * @throws NativeLibraryException if there is no cuBLASLt that we work with, or it does not start;
   *     the message says what was looked for, where, and what to do
   */
  public CublasLtPlans(CudaDevice device, DiskCache cache, boolean measured) {
    this.device = device;
    this.cache = cache;
    this.measured = measured;
    version = CudaLibraries.open(CudaLibrary.CUBLASLT).version().toString();
    stream = device.newStream();
    try {
      device.makeCurrent();
      handle = new LtHandle();
    } catch (RuntimeException e) {
      stream.close();
      throw e;
    }
  }

  /** {@return the library's version} */
  public String version() {
    return version;
  }

  /**
   * Finds the algorithm of a product.
   *
   * @param spec the product
   * @return the plan, or nothing where cuBLASLt has no kernel for it and something else must run it
   */
  public synchronized Optional<MatmulPlan> find(MatmulSpec spec) {
    if (closed) {
      throw new IllegalStateException("cuBLASLt is closed");
    }
    Optional<MatmulPlan> known = plans.get(spec);
    if (known == null) {
      device.makeCurrent();
      known = plan(spec);
      plans.put(spec, known);
    }
    return known;
  }

  private Optional<MatmulPlan> plan(MatmulSpec spec) {
    String key =
        DiskCache.key(
            List.of(
                FORM,
                device.name(),
                "sm_" + device.computeCapability(),
                String.valueOf(device.multiprocessors()),
                version,
                spec.key()));
    Layouts layouts = new Layouts(spec);
    try (MatmulDesc desc = layouts.desc(spec.bias() ? ANY_BIAS : 0)) {
      LtHandle.Layouts product = layouts.with(desc);
      byte[] stored = cache.read(key);
      if (stored != null && stored.length == LtHandle.ALGORITHM_BYTES) {
        Optional<LtHandle.Algorithm> checked = handle.check(product, stored);
        if (checked.isPresent()) {
          return Optional.of(new MatmulPlan(device, handle, layouts, checked.get(), true));
        }
      }
      List<LtHandle.Algorithm> found =
          handle.heuristics(product, measured ? CANDIDATES : 1, WORKSPACE, spec.alignment());
      if (found.isEmpty()) {
        layouts.close();
        return Optional.empty();
      }
      LtHandle.Algorithm chosen = measured ? fastest(layouts, found) : found.getFirst();
      cache.write(key, chosen.code());
      return Optional.of(new MatmulPlan(device, handle, layouts, chosen, false));
    } catch (RuntimeException e) {
      layouts.close();
      throw e;
    }
  }

  private LtHandle.Algorithm fastest(Layouts layouts, List<LtHandle.Algorithm> found) {
    MatmulSpec s = layouts.spec();
    int bytes = s.type().bytes();
    long aBytes = extent(s, s.a(), s.m(), s.k()) * bytes;
    long bBytes =
        extent(s, s.b(), s.transposedB() ? s.n() : s.k(), s.transposedB() ? s.k() : s.n()) * bytes;
    long cBytes = s.c() == null ? 0 : extent(s, s.c(), s.m(), s.n()) * bytes;
    long dBytes = extent(s, s.d(), s.m(), s.n()) * bytes;
    LtHandle.Algorithm best = null;
    double bestTime = Double.POSITIVE_INFINITY;
    try (Stopwatch watch = new Stopwatch(device, aBytes, bBytes, s.n() * bytes, cBytes, dBytes);
        DeviceBuffer workspace = device.allocate(WORKSPACE)) {
      long[] at = watch.addresses();
      for (LtHandle.Algorithm algorithm : found) {
        MatmulPlan plan = new MatmulPlan(device, handle, layouts, algorithm, false);
        long bias = s.bias() ? at[2] : 0;
        long c = s.c() == null ? 0 : at[3];
        try (MatmulPlan.Bound bound =
            plan.bind(workspace.address(), at[0], at[1], bias, c, at[4])) {
          double time = watch.micros(bound::enqueue);
          if (time < bestTime || best == null) {
            bestTime = time;
            best = algorithm;
          }
        }
      }
    }
    return best;
  }

  private static long extent(MatmulSpec s, MatmulSpec.Place place, long rows, long columns) {
    return (s.batch() - 1) * place.stride() + (rows - 1) * place.pitch() + columns;
  }

  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    try {
      plans.values().forEach(p -> p.ifPresent(MatmulPlan::close));
      if (device.isUsable()) {
        device.makeCurrent();
        handle.close();
      }
    } finally {
      stream.close();
    }
  }
}
