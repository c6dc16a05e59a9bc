package io.github.morseengine.engine.backend.cuda;

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

  /** System property: {@code false} takes the libraries' first choice and measures nothing. */
  static final String MEASURE = "morse.cuda.measure";

  private final CudaDevice device;
  private final boolean measured;
  private CudnnPlans cudnn;
  private String noCudnn;

  Libraries(CudaDevice device) {
    this.device = device;
    this.measured = isOn(MEASURE);
    if (!isOn(CUDNN)) {
      noCudnn = "-D" + CUDNN + "=false";
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

  @Override
  public synchronized void close() {
    if (cudnn != null) {
      cudnn.close();
      cudnn = null;
    }
    noCudnn = "closed";
  }
}
