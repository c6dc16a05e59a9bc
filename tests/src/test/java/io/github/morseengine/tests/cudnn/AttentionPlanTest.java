package io.github.morseengine.tests.cudnn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.backend.cuda.cudnn.AttentionSpec;
import io.github.morseengine.engine.backend.cuda.cudnn.AttentionSpec.Pitch;
import io.github.morseengine.engine.backend.cuda.cudnn.CudnnPlan;
import io.github.morseengine.engine.backend.cuda.cudnn.CudnnPlans;
import io.github.morseengine.engine.device.DiskCache;
import io.github.morseengine.engine.device.cuda.CudaDevice;
import io.github.morseengine.engine.device.cuda.CudaStream;
import io.github.morseengine.engine.device.cuda.DeviceBuffer;
import io.github.morseengine.engine.ffi.cudnn.Descriptor;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.tests.support.SimulatedDevice;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Attention through cuDNN's plans on the simulated device. */
class AttentionPlanTest {

  private static final DiskCache NO_CACHE = new DiskCache(null);

  @ParameterizedTest
  @EnumSource(names = {"FLOAT16", "BFLOAT16"})
  void agreesWithPlainArithmetic(DType type) {
    SimulatedDevice.use();
    long before = Descriptor.live();
    try (CudaDevice device = CudaDevice.open(0);
        CudaStream stream = device.newStream();
        CudnnPlans plans = new CudnnPlans(device, NO_CACHE, false)) {
      AttentionSpec[] specs = {
        new AttentionSpec(type, 2, 3, 17, 9, 16, 24, 0.25f, new Pitch(48, 48, 72, 72)),
        // Q, K and V in one array, the scale another.
        new AttentionSpec(type, 1, 2, 11, 11, 8, 8, 1, new Pitch(48, 48, 48, 16)),
        new AttentionSpec(type, 1, 2, 11, 11, 8, 8, 3, new Pitch(48, 48, 48, 16))
      };
      for (AttentionSpec spec : specs) {
        check(device, stream, plans, spec);
      }
    }
    assertEquals(before, Descriptor.live(), "descriptors");
  }

  @Test
  void thereIsNoneInFloat32() {
    SimulatedDevice.use();
    try (CudaDevice device = CudaDevice.open(0);
        CudnnPlans plans = new CudnnPlans(device, NO_CACHE, false)) {
      Pitch pitch = new Pitch(16, 16, 16, 16);
      AttentionSpec spec = new AttentionSpec(DType.FLOAT32, 1, 2, 4, 4, 8, 8, 1, pitch);
      assertTrue(plans.find(spec).isEmpty());
    }
  }

  private static void check(
      CudaDevice device, CudaStream stream, CudnnPlans plans, AttentionSpec a) {
    SplittableRandom random = new SplittableRandom(5);
    Pitch p = a.pitch();
    DType type = a.type();
    CudnnPlan plan = plans.find(a).orElseThrow();
    try (DeviceArray q =
            DeviceArray.random(device, stream, type, a.n() * a.queries() * p.q(), random);
        DeviceArray k = DeviceArray.random(device, stream, type, a.n() * a.keys() * p.k(), random);
        DeviceArray v = DeviceArray.random(device, stream, type, a.n() * a.keys() * p.v(), random);
        DeviceArray o = DeviceArray.poisoned(device, stream, type, a.n() * a.queries() * p.o());
        DeviceBuffer workspace = device.allocate(plan.workspaceBytes());
        CudnnPlan.Bound run =
            plan.bind(workspace.address(), q.address(), k.address(), v.address(), o.address())) {
      run.enqueue(stream);
      stream.synchronize();
      Tensor out = o.read();
      for (long n = 0; n < a.n(); n++) {
        for (long h = 0; h < a.heads(); h++) {
          for (long l = 0; l < a.queries(); l++) {
            compareRow(a, q.host, k.host, v.host, out, n, h, l);
          }
        }
      }
    }
  }

  private static void compareRow(
      AttentionSpec a, Tensor q, Tensor k, Tensor v, Tensor out, long n, long h, long l) {
    Pitch p = a.pitch();
    double[] weights = new double[(int) a.keys()];
    double sum = 0;
    for (int s = 0; s < weights.length; s++) {
      double dot = 0;
      for (long i = 0; i < a.head(); i++) {
        dot +=
            q.getDouble((n * a.queries() + l) * p.q() + h * a.head() + i)
                * k.getDouble((n * a.keys() + s) * p.k() + h * a.head() + i);
      }
      weights[s] = Math.exp(dot * a.scale());
      sum += weights[s];
    }
    // A mean of values up to 1: the rounding of the result outweighs that of the sums.
    double tolerance = a.type() == DType.FLOAT16 ? 0x1p-10 : 0x1p-7;
    for (long i = 0; i < a.valueHead(); i++) {
      double expected = 0;
      for (int s = 0; s < weights.length; s++) {
        expected +=
            weights[s] / sum * v.getDouble((n * a.keys() + s) * p.v() + h * a.valueHead() + i);
      }
      double got = out.getDouble((n * a.queries() + l) * p.o() + h * a.valueHead() + i);
      assertEquals(expected, got, tolerance, a + " at " + n + "," + h + "," + l + "," + i);
    }
  }
}
