package io.github.morseengine.engine.backend.cuda.cublaslt;

import io.github.morseengine.engine.device.cuda.CudaDevice;
import io.github.morseengine.engine.device.cuda.CudaStream;
import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.ffi.cublaslt.LtHandle;
import io.github.morseengine.engine.ffi.cublaslt.MatmulCall;
import io.github.morseengine.engine.ffi.cublaslt.MatmulDesc;

/**
 * How cuBLASLt runs a product on a device. Immutable; used by several threads. It belongs to the
 * {@link CublasLtPlans} that found it and is closed with them.
 */
public final class MatmulPlan {

  /** A product with its memory. Whoever closes it has waited for its runs; close is idempotent. */
  public final class Bound implements AutoCloseable {

    private final MatmulDesc desc;
    private final MatmulCall call;

    private Bound(MatmulDesc desc, MatmulCall call) {
      this.desc = desc;
      this.call = call;
    }

    /**
     * Enqueues one run, or adds it to the graph that the stream captures; nothing is allocated.
     *
     * @param stream the stream
     */
    public void enqueue(CudaStream stream) {
      device.makeCurrent();
      handle.multiply(call, stream.handle());
    }

    @Override
    public void close() {
      desc.close();
    }
  }

  private final CudaDevice device;
  private final LtHandle handle;
  private final Layouts layouts;
  private final LtHandle.Algorithm algorithm;
  private final boolean fromCache;

  MatmulPlan(
      CudaDevice device,
      LtHandle handle,
      Layouts layouts,
      LtHandle.Algorithm algorithm,
      boolean fromCache) {
    this.device = device;
    this.handle = handle;
    this.layouts = layouts;
    this.algorithm = algorithm;
    this.fromCache = fromCache;
  }

  /**
   * {@return bytes of device memory that a run needs beside its matrices; their content is lost}
   */
  public long workspaceBytes() {
    return algorithm.workspaceBytes();
  }

  /** {@return whether the choice was read from the disk} */
  public boolean fromCache() {
    return fromCache;
  }

  /**
   * Binds memory, once for any number of runs.
   *
   * @param workspace device memory of {@link #workspaceBytes()}; 0 where none is needed
   * @param a address of A
   * @param b address of B
   * @param bias address of the bias; 0 for none
   * @param c address of C; 0 for none
   * @param d address of D
   * @return the product with its memory, which the caller closes before the plans
   */
  public Bound bind(long workspace, long a, long b, long bias, long c, long d) {
    MatmulSpec spec = layouts.spec();
    if (spec.bias() == (bias == 0) || (spec.c() == null) != (c == 0)) {
      throw new InvalidInputException(spec + " with bias at " + bias + " and C at " + c);
    }
    MatmulDesc desc = layouts.desc(bias);
    // Seen by columns, the second factor comes first.
    long[] addresses = {b, a, c == 0 ? d : c, d};
    float beta = c == 0 ? 0 : 1;
    return new Bound(
        desc,
        new MatmulCall(layouts.with(desc), algorithm, spec.alpha(), beta, addresses, workspace));
  }

  void close() {
    layouts.close();
  }
}
