package io.github.morseengine.engine.backend.cuda.cudnn;

import io.github.morseengine.engine.device.DiskCache;
import io.github.morseengine.engine.error.NativeLibraryException;
import io.github.morseengine.engine.ffi.CudaLibraries;
import io.github.morseengine.engine.ffi.CudaLibrary;
import io.github.morseengine.engine.ffi.Version;
import io.github.morseengine.engine.ffi.cudnn.DeviceProperties;
import java.util.Optional;

/**
 * Plans of {@link CudnnPlans} made without the device, from its description: fused graphs are
 * really compiled for it, but nothing can be run or measured. One thread at a time; close is
 * idempotent.
 */
public final class CudnnAheadOfTime implements AutoCloseable {

  /**
   * A plan that could be made.
   *
   * @param tag engine and settings
   * @param workspaceBytes device memory that a run would need beside its tensors
   * @param fromCache whether it was made again from its serialised form
   */
  public record Made(String tag, long workspaceBytes, boolean fromCache) {}

  /** The first cuDNN that takes the description of a device for the device. */
  private static final Version SINCE = new Version(9, 8, 0);

  private final DeviceProperties properties;
  private final Planner planner;

  /**
   * Opens cuDNN for a device.
   *
   * @param device its name
   * @param json its properties as cuDNN writes them, whose keys depend on its version
   * @param cache where plans are kept
   * @throws NativeLibraryException if there is no cuDNN of 9.8 or newer, or it refuses the
   *     description
   */
  public CudnnAheadOfTime(String device, String json, DiskCache cache) {
    Version version = CudaLibraries.open(CudaLibrary.CUDNN).version();
    if (version.compareTo(SINCE) < 0) {
      throw new NativeLibraryException(
          "cuDNN " + version + " makes plans for present devices only: install " + SINCE);
    }
    properties = new DeviceProperties(json);
    planner = new Planner(properties, device + " described, cuDNN " + version, cache, 1);
  }

  /**
   * Makes the plan of a convolution.
   *
   * @param spec the convolution
   * @return the plan, or nothing where cuDNN has no engine for it on this device
   */
  public Optional<Made> make(ConvSpec spec) {
    return make(new ConvGraph(spec));
  }

  /**
   * Makes the plan of an attention.
   *
   * @param spec the attention
   * @return the plan, or nothing where cuDNN has no engine for it on this device
   */
  public Optional<Made> make(AttentionSpec spec) {
    return make(new AttentionGraph(spec));
  }

  private Optional<Made> make(Problem problem) {
    return planner
        .stored(problem)
        .or(() -> planner.choose(problem, null))
        .map(
            p -> {
              try (var plan = p.plan()) {
                return new Made(p.tag(), plan.workspaceBytes(), p.fromCache());
              }
            });
  }

  @Override
  public void close() {
    properties.close();
  }
}
