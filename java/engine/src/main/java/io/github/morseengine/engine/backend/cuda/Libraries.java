package io.github.morseengine.engine.backend.cuda;

import io.github.morseengine.engine.backend.cuda.cublaslt.CublasLtPlans;
import io.github.morseengine.engine.backend.cuda.cublaslt.MatmulPlan;
import io.github.morseengine.engine.backend.cuda.cublaslt.MatmulSpec;
import io.github.morseengine.engine.backend.cuda.cudnn.AttentionSpec;
import io.github.morseengine.engine.backend.cuda.cudnn.ConvSpec;
import io.github.morseengine.engine.backend.cuda.cudnn.CudnnPlan;
import io.github.morseengine.engine.backend.cuda.cudnn.CudnnPlans;
import io.github.morseengine.engine.device.DiskCache;
import io.github.morseengine.engine.device.cuda.CudaDevice;
import io.github.morseengine.engine.error.NativeLibraryException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;

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

  /** System property: {@code own} or {@code cudnn} for one, else whichever is faster. */
  static final String ATTENTION = "morse.cuda.attention";

  /** Which attention to run. */
  enum Attention {
    OWN,
    CUDNN,
    FASTEST
  }

  private final Map<String, Boolean> cudnnAttention = new HashMap<>();
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

  /** Which attention to run: ours where nothing is measured and cuDNN is not asked for. */
  Attention attention() {
    return switch (System.getProperty(ATTENTION, "")) {
      case "own" -> Attention.OWN;
      case "cudnn" -> Attention.CUDNN;
      default -> measured ? Attention.FASTEST : Attention.OWN;
    };
  }

  private static boolean isOn(String property) {
    return !"false".equals(System.getProperty(property));
  }

  /** cuDNN's plan of a convolution; nothing where there is no cuDNN or it has none. */
  synchronized Optional<CudnnPlan> convolution(ConvSpec spec) {
    return openCudnn() ? cudnn.find(spec) : Optional.empty();
  }

  /** cuDNN's plan of an attention; nothing where there is no cuDNN or it has none. */
  synchronized Optional<CudnnPlan> attention(AttentionSpec spec) {
    return openCudnn() ? cudnn.find(spec) : Optional.empty();
  }

  /**
   * Whether cuDNN's attention beats ours, as this machine's cache remembers or as measured now.
   *
   * @param spec the attention
   * @param measure runs both
   */
  synchronized boolean cudnnIsFaster(AttentionSpec spec, BooleanSupplier measure) {
    return cudnnAttention.computeIfAbsent(
        spec.key(),
        k -> {
          DiskCache cache = DiskCache.ofUser("plans");
          List<String> parts =
              List.of("attention contest 1", device.name(), cudnn.version(), spec.key());
          String key = DiskCache.key(parts);
          byte[] known = cache.read(key);
          if (known != null && known.length == 1) {
            return known[0] == 1;
          }
          boolean wins = measure.getAsBoolean();
          cache.write(key, new byte[] {(byte) (wins ? 1 : 0)});
          return wins;
        });
  }

  private boolean openCudnn() {
    if (cudnn == null && noCudnn == null) {
      try {
        cudnn = new CudnnPlans(device, DiskCache.ofUser("plans"), measured);
      } catch (NativeLibraryException e) {
        noCudnn = e.getMessage();
      }
    }
    return cudnn != null;
  }

  /** Why the latest convolution or attention did not go to cuDNN. */
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
