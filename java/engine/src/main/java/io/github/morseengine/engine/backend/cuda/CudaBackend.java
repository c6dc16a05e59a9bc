package io.github.morseengine.engine.backend.cuda;

import io.github.morseengine.engine.backend.Backend;
import io.github.morseengine.engine.backend.Executable;
import io.github.morseengine.engine.backend.Precision;
import io.github.morseengine.engine.backend.SampleUpdate;
import io.github.morseengine.engine.backend.Trajectory;
import io.github.morseengine.engine.backend.cpu.CpuUpdate;
import io.github.morseengine.engine.device.cuda.CudaDevice;
import io.github.morseengine.engine.device.cuda.DeviceWeights;
import io.github.morseengine.engine.ffi.nvtx.Ranges;
import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.tensor.DType;

/** Runs graphs on an NVIDIA GPU. */
public final class CudaBackend implements Backend {

  private static final Ranges.Name LOAD = Ranges.name("load");

  private final CudaDevice device;
  private final Kernels kernels;
  private final DeviceWeights weights;
  private final Libraries libraries;
  private final Precision precision;

  /**
   * Opens a GPU.
   *
   * @param ordinal its number, from 0
   * @param precision FP16, BF16, FP32, TF32, or AUTO, which is FP16: norms, softmax, sums and the
   *     sample itself are float32 with it, and U-Nets stay well within its range
   * @throws io.github.morseengine.engine.error.NativeLibraryException if there is no usable driver,
   *     compiler or GPU, with what was looked for and what to do
   */
  public CudaBackend(int ordinal, Precision precision) {
    device = CudaDevice.open(ordinal);
    kernels = new Kernels(device);
    weights = new DeviceWeights(device);
    libraries = new Libraries(device);
    this.precision = precision == Precision.AUTO ? Precision.FP16 : precision;
  }

  /** The element type of activations and weights. */
  private static DType type(Precision precision) {
    return switch (precision) {
      case FP32, TF32 -> DType.FLOAT32;
      case BF16 -> DType.BFLOAT16;
      case AUTO, FP16 -> DType.FLOAT16;
    };
  }

  @Override
  public String name() {
    return "cuda";
  }

  @Override
  public String device() {
    int sm = device.computeCapability();
    return device.name() + " (sm_" + sm + ", CUDA " + device.driverVersion() + ")";
  }

  @Override
  public int threads() {
    return 1;
  }

  @Override
  public Precision precision() {
    return precision;
  }

  @Override
  public Executable compile(Graph graph, Precision insteadOfFp16) {
    device.checkUsable();
    Precision used = precision == Precision.FP16 ? insteadOfFp16 : precision;
    CudaProgram program =
        new CudaProgram(device, kernels, libraries, weights, type(used), used == Precision.TF32);
    Ranges.push(LOAD);
    try {
      CudaCompiler compiler = new CudaCompiler(graph, program);
      compiler.run();
      return new CudaExecutable(compiler);
    } catch (RuntimeException | Error e) {
      program.steps.forEach(CudaStep::close);
      program.weights.forEach(DeviceWeights.DeviceWeight::close);
      throw e;
    } finally {
      Ranges.pop();
    }
  }

  @Override
  public SampleUpdate sampleUpdate() {
    return new CpuUpdate();
  }

  @Override
  public Trajectory trajectory(Trajectory.Wiring wiring) {
    return CudaTrajectory.open(device, kernels, type(precision), wiring);
  }

  @Override
  public long weightBytes() {
    return weights.bytes();
  }

  @Override
  public long deviceBytes() {
    return device.currentBytes();
  }

  @Override
  public void close() {
    weights.close();
    libraries.close();
    device.close();
  }
}
