package io.github.morseengine.engine.backend.cuda;

import io.github.morseengine.engine.backend.cuda.cublaslt.CublasLtPlans;
import io.github.morseengine.engine.backend.cuda.cublaslt.MatmulPlan;
import io.github.morseengine.engine.backend.cuda.cublaslt.MatmulSpec;
import io.github.morseengine.engine.backend.cuda.cudnn.ConvSpec;
import io.github.morseengine.engine.backend.cuda.cudnn.CudnnPlan;
import io.github.morseengine.engine.backend.cuda.cudnn.CudnnPlans;
import io.github.morseengine.engine.device.DiskCache;
import io.github.morseengine.engine.device.cuda.CudaDevice;
import io.github.morseengine.engine.error.NativeLibraryException;
import java.util.Optional;

/**
 * NVIDIA's libraries beside our own kernels, each opened when it is first asked; without one our
 * own kernels run, and reports say why. Safe for use by several threads.
 */
final class Libraries implements AutoCloseable {

  /** System property: {@code false} leaves cuDNN alone. */
  static final String CUDNN = "morse.cuda.cudnn";

  /** System property: {@code false} leaves cuBLASLt alone. */
  static final String CUBLASLT = "morse.cuda.cublaslt";

  /** System property: {@code false} takes the libraries' first choice and measures nothing. */
  static final String MEASURE = "morse.cuda.measure";

  private final CudaDevice device;
  private final boolean measured;
  private CudnnPlans cudnn;
  private String noCudnn;
  private CublasLtPlans cublasLt;
  private String noCublasLt;

  Libraries(CudaDevice device) {
    this.device = device;
    this.measured = isOn(MEASURE);
    if (!isOn(CUDNN)) {
      noCudnn = "-D" + CUDNN + "=false";
    }
    if (!isOn(CUBLASLT)) {
      noCublasLt = "-D" + CUBLASLT + "=false";
    }
  }

  private static boolean isOn(String property) {
    return !"false".equals(System.getProperty(property));
  }

  /** cuDNN's plan of a convolution; nothing where there is no cuDNN or it has none. */
  synchronized Optional<CudnnPlan> convolution(ConvSpec spec) {
    if (cudnn == null && noCudnn == null) {
      try {
        cudnn = new CudnnPlans(device, DiskCache.ofUser("plans"), measured);
      } catch (NativeLibraryException e) {
        noCudnn = e.getMessage();
      }
    }
    return cudnn == null ? Optional.empty() : cudnn.find(spec);
  }

  /** Why the latest convolution did not go to cuDNN. */
  synchronized String noCudnn() {
    return noCudnn == null ? "it has no engine for this" : noCudnn;
  }

  /** cuBLASLt's plan of a product; nothing where there is no cuBLASLt or it has none. */
  synchronized Optional<MatmulPlan> product(MatmulSpec spec) {
    if (cublasLt == null && noCublasLt == null) {
      try {
        cublasLt = new CublasLtPlans(device, DiskCache.ofUser("plans"), measured);
      } catch (NativeLibraryException e) {
        noCublasLt = e.getMessage();
      }
    }
    return cublasLt == null ? Optional.empty() : cublasLt.find(spec);
  }

  /** Why the latest product did not go to cuBLASLt. */
  synchronized String noCublasLt() {
    return noCublasLt == null ? "it has no kernel for this" : noCublasLt;
  }

  @Override
  public synchronized void close() {
    Resources opened = new Resources();
    if (cudnn != null) {
      opened.add(cudnn);
    }
    if (cublasLt != null) {
      opened.add(cublasLt);
    }
    cudnn = null;
    cublasLt = null;
    noCudnn = "closed";
    noCublasLt = "closed";
    opened.close();
  }
}
