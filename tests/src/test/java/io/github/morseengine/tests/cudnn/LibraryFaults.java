package io.github.morseengine.tests.cudnn;

import io.github.morseengine.engine.backend.cuda.cublaslt.CublasLtPlans;
import io.github.morseengine.engine.backend.cuda.cublaslt.MatmulPlan;
import io.github.morseengine.engine.backend.cuda.cublaslt.MatmulSpec;
import io.github.morseengine.engine.backend.cuda.cudnn.ConvSpec;
import io.github.morseengine.engine.backend.cuda.cudnn.CudnnPlan;
import io.github.morseengine.engine.backend.cuda.cudnn.CudnnPlans;
import io.github.morseengine.engine.device.DiskCache;
import io.github.morseengine.engine.device.cuda.CudaDevice;
import io.github.morseengine.engine.device.cuda.CudaStream;
import io.github.morseengine.engine.device.cuda.DeviceBuffer;
import io.github.morseengine.engine.error.MorseException;
import io.github.morseengine.engine.ffi.cublaslt.LtObject;
import io.github.morseengine.engine.ffi.cudnn.CudnnHandle;
import io.github.morseengine.engine.ffi.cudnn.Descriptor;
import io.github.morseengine.engine.tensor.DType;

/**
 * One convolution and one product in a process whose libraries are missing, old or failing. Prints
 * what came of each and what is left at the end.
 */
public final class LibraryFaults {

  private static final ConvSpec CONVOLUTION =
      ConvSpec.dense(
          DType.FLOAT32,
          new long[] {1, 4, 6, 6},
          4,
          3,
          ConvSpec.Window.square(1, 1),
          new ConvSpec.Epilogue(true, false, true));

  private static final MatmulSpec PRODUCT =
      MatmulSpec.linear(DType.FLOAT32, 6, 4, 4, false, true, false);

  private static final DiskCache NO_CACHE = new DiskCache(null);

  private LibraryFaults() {}

  /**
   * Runs both, twice.
   *
   * @param arguments bytes of the output of the convolution; too few are a fault of the device
   */
  public static void main(String[] arguments) {
    long outputBytes = Long.parseLong(arguments[0]);
    CudaDevice device = CudaDevice.open(0);
    for (int i = 1; i <= 2; i++) {
      report("convolution " + i, () -> convolution(device, outputBytes));
      report("product " + i, () -> product(device));
    }
    device.close();
    long objects = Descriptor.live() + LtObject.live() + CudnnHandle.live();
    System.out.println("left: " + objects + " objects, " + device.currentBytes() + " bytes");
  }

  private static void report(String what, Runnable body) {
    try {
      body.run();
      System.out.println(what + ": done");
    } catch (MorseException e) {
      System.out.println(what + ": " + e.getClass().getSimpleName() + ": " + e.getMessage());
    }
  }

  private static void convolution(CudaDevice device, long outputBytes) {
    try (CudnnPlans plans = new CudnnPlans(device, NO_CACHE, false)) {
      CudnnPlan plan = plans.find(CONVOLUTION).orElseThrow();
      try (CudaStream stream = device.newStream();
          DeviceBuffer x = device.allocate(4 * 144);
          DeviceBuffer w = device.allocate(4 * 144);
          DeviceBuffer bias = device.allocate(4 * 4);
          DeviceBuffer y = device.allocate(outputBytes);
          DeviceBuffer workspace = device.allocate(plan.workspaceBytes());
          CudnnPlan.Bound run =
              plan.bind(
                  workspace.address(), x.address(), w.address(), bias.address(), y.address())) {
        for (DeviceBuffer b : new DeviceBuffer[] {x, w, bias}) {
          stream.fill(b.address(), (byte) 0, b.bytes());
        }
        run.enqueue(stream);
        stream.synchronize();
      }
    }
  }

  private static void product(CudaDevice device) {
    try (CublasLtPlans plans = new CublasLtPlans(device, NO_CACHE, false)) {
      MatmulPlan plan = plans.find(PRODUCT).orElseThrow();
      try (CudaStream stream = device.newStream();
          DeviceBuffer a = device.allocate(4 * 24);
          DeviceBuffer b = device.allocate(4 * 16);
          DeviceBuffer bias = device.allocate(4 * 4);
          DeviceBuffer d = device.allocate(4 * 24);
          DeviceBuffer workspace = device.allocate(plan.workspaceBytes());
          MatmulPlan.Bound run =
              plan.bind(
                  workspace.address(), a.address(), b.address(), bias.address(), 0, d.address())) {
        for (DeviceBuffer buffer : new DeviceBuffer[] {a, b, bias}) {
          stream.fill(buffer.address(), (byte) 0, buffer.bytes());
        }
        run.enqueue(stream);
        stream.synchronize();
      }
    }
  }
}
