package io.github.morseengine.tests.cudnn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.backend.cuda.cublaslt.CublasLtPlans;
import io.github.morseengine.engine.backend.cuda.cublaslt.MatmulPlan;
import io.github.morseengine.engine.backend.cuda.cublaslt.MatmulSpec;
import io.github.morseengine.engine.backend.cuda.cublaslt.MatmulSpec.Place;
import io.github.morseengine.engine.device.DiskCache;
import io.github.morseengine.engine.device.cuda.CudaDevice;
import io.github.morseengine.engine.device.cuda.CudaGraph;
import io.github.morseengine.engine.device.cuda.CudaStream;
import io.github.morseengine.engine.device.cuda.DeviceBuffer;
import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.ffi.cublaslt.LtObject;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.tests.support.SimulatedDevice;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Matrix products through cuBLASLt's algorithms on the simulated device. */
class MatmulPlanTest {

  private static final DiskCache NO_CACHE = new DiskCache(null);

  private CudaDevice device;
  private CudaStream stream;
  private long objects;

  @BeforeEach
  void open() {
    SimulatedDevice.use();
    objects = LtObject.live();
    device = CudaDevice.open(0);
    stream = device.newStream();
  }

  @AfterEach
  void nothingIsLeft() {
    stream.close();
    device.close();
    assertEquals(0, device.currentBytes(), "device bytes");
    assertEquals(objects, LtObject.live(), "handles and descriptors");
    assertThrows(IllegalStateException.class, device::synchronize, "everything was closed");
  }

  /** Layouts and epilogues of all kinds. */
  private static List<MatmulSpec> products(DType type, boolean tf32) {
    List<MatmulSpec> out = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      boolean transposed = (i & 1) != 0;
      out.add(MatmulSpec.linear(type, 37, 19, 23, transposed, (i & 2) != 0, (i & 4) != 0));
    }
    out.add(MatmulSpec.linear(type, 1, 1, 1, false, true, true));
    out.add(MatmulSpec.linear(type, 64, 96, 300, true, true, false));
    // Slices of wider rows, with a residual in another one.
    out.add(
        new MatmulSpec(
            type,
            5,
            6,
            7,
            new Place(11, 0),
            new Place(9, 0),
            false,
            new Place(13, 0),
            new Place(8, 0),
            1,
            true,
            true,
            0.5f,
            tf32,
            2));
    // Batches; one B for all; results between others.
    Place a = new Place(9, 3 * 9);
    Place d = new Place(10, 4 * 10);
    out.add(batch(type, a, new Place(4, 36), false, new Place(4, 12), d));
    out.add(batch(type, a, new Place(9, 0), true, null, d));
    out.replaceAll(
        s ->
            new MatmulSpec(
                s.type(),
                s.m(),
                s.n(),
                s.k(),
                s.a(),
                s.b(),
                s.transposedB(),
                s.c(),
                s.d(),
                s.batch(),
                s.bias(),
                s.gelu(),
                s.alpha(),
                tf32,
                type.bytes()));
    return out;
  }

  private static MatmulSpec batch(
      DType type, Place a, Place b, boolean transposed, Place c, Place d) {
    return new MatmulSpec(
        type, 3, 4, 9, a, b, transposed, c, d, 5, false, false, -2, true, type.bytes());
  }

  @ParameterizedTest
  @EnumSource(names = {"FLOAT32", "FLOAT16", "BFLOAT16"})
  void agreesWithPlainArithmetic(DType type) {
    try (CublasLtPlans plans = new CublasLtPlans(device, NO_CACHE, false)) {
      for (boolean tf32 : new boolean[] {true, false}) {
        for (MatmulSpec spec : products(type, tf32)) {
          check(spec, plans.find(spec).orElseThrow());
        }
      }
    }
  }

  private static long size(MatmulSpec s, Place p, long rows) {
    return p == null ? 1 : (s.batch() - 1) * p.stride() + rows * p.pitch();
  }

  private void check(MatmulSpec s, MatmulPlan plan) {
    SplittableRandom random = new SplittableRandom(s.key().hashCode());
    long bRows = s.transposedB() ? s.n() : s.k();
    try (DeviceArray a = random(s, size(s, s.a(), s.m()), random);
        DeviceArray b = random(s, size(s, s.b(), bRows), random);
        DeviceArray bias = random(s, s.n(), random);
        DeviceArray c = random(s, size(s, s.c(), s.m()), random);
        DeviceArray d = DeviceArray.poisoned(device, stream, s.type(), size(s, s.d(), s.m()));
        DeviceBuffer workspace = device.allocate(plan.workspaceBytes());
        MatmulPlan.Bound run =
            plan.bind(
                workspace.address(),
                a.address(),
                b.address(),
                s.bias() ? bias.address() : 0,
                s.c() == null ? 0 : c.address(),
                d.address())) {
      run.enqueue(stream);
      stream.synchronize();
      Tensor out = d.read();
      for (long i = 0; i < s.batch(); i++) {
        for (long row = 0; row < s.m(); row++) {
          for (long col = 0; col < s.n(); col++) {
            compare(s, a.host, b.host, bias.host, c.host, out, i, row, col);
          }
          for (long col = s.n(); col < s.d().pitch(); col++) {
            long at = i * s.d().stride() + row * s.d().pitch() + col;
            assertTrue(Double.isNaN(out.getDouble(at)), s + " wrote beside its columns");
          }
        }
      }
    }
  }

  private DeviceArray random(MatmulSpec s, long elements, SplittableRandom random) {
    return DeviceArray.random(device, stream, s.type(), elements, random);
  }

  private static void compare(
      MatmulSpec s,
      Tensor a,
      Tensor b,
      Tensor bias,
      Tensor c,
      Tensor out,
      long i,
      long row,
      long col) {
    double sum = 0;
    double size = 0;
    for (long k = 0; k < s.k(); k++) {
      long atA = i * s.a().stride() + row * s.a().pitch() + k;
      long atB =
          i * s.b().stride()
              + (s.transposedB() ? col * s.b().pitch() + k : k * s.b().pitch() + col);
      double product = s.alpha() * a.getDouble(atA) * b.getDouble(atB);
      sum += product;
      size += Math.abs(product);
    }
    boolean tf32 = s.type() == DType.FLOAT32 && s.tf32();
    // TF32 rounds both factors to 11 bits, float sums round at every term.
    double error = size * ((s.k() + 2) * 0x1p-24 + (tf32 ? 0x1p-10 : 0));
    if (s.c() != null) {
      sum += c.getDouble(i * s.c().stride() + row * s.c().pitch() + col);
    }
    if (s.bias()) {
      sum += bias.getDouble(col);
    }
    error += Math.abs(sum) * 0x1p-22;
    if (s.gelu()) {
      double inner = Math.sqrt(2 / Math.PI) * (sum + 0.044715 * sum * sum * sum);
      sum = 0.5 * sum * (1 + Math.tanh(inner));
      // Its slope is below 1.13; tanh and the cube add a few units in the last place.
      error = 1.13 * error + 0x1p-20;
    }
    double half = s.type() == DType.FLOAT16 ? 0x1p-11 : s.type() == DType.BFLOAT16 ? 0x1p-8 : 0;
    double tolerance = error + Math.abs(sum) * half + (half > 0 ? 0x1p-24 : 0);
    double got = out.getDouble(i * s.d().stride() + row * s.d().pitch() + col);
    assertEquals(sum, got, tolerance, s + " at " + i + "," + row + "," + col);
  }

  @Test
  void accumulatesInPlaceAndInGraphs() {
    // LoRA: y += s (x A) B, with C at the address of D.
    MatmulSpec spec =
        new MatmulSpec(
            DType.FLOAT32,
            6,
            8,
            2,
            new Place(2, 0),
            new Place(8, 0),
            false,
            new Place(8, 0),
            new Place(8, 0),
            1,
            false,
            false,
            0.5f,
            false,
            16);
    SplittableRandom random = new SplittableRandom(4);
    try (CublasLtPlans plans = new CublasLtPlans(device, NO_CACHE, true)) {
      MatmulPlan plan = plans.find(spec).orElseThrow();
      try (DeviceArray x = random(spec, 12, random);
          DeviceArray w = random(spec, 16, random);
          DeviceArray y = random(spec, 48, random);
          DeviceBuffer workspace = device.allocate(plan.workspaceBytes());
          MatmulPlan.Bound run =
              plan.bind(
                  workspace.address(), x.address(), w.address(), 0, y.address(), y.address())) {
        stream.beginCapture();
        run.enqueue(stream);
        try (CudaGraph graph = stream.endCapture()) {
          assertEquals(y.host.getDouble(7), y.read().getDouble(7), "capturing runs nothing");
          stream.launch(graph);
          stream.launch(graph);
        }
        double product =
            x.host.getDouble(0) * w.host.getDouble(7) + x.host.getDouble(1) * w.host.getDouble(15);
        assertEquals(y.host.getDouble(7) + product, y.read().getDouble(7), 1e-6);
      }
    }
  }

  @Test
  void measuringTakesTheFastestAndTheCacheKeepsIt(@TempDir Path folder) throws IOException {
    DiskCache cache = new DiskCache(folder);
    MatmulSpec spec = MatmulSpec.linear(DType.FLOAT16, 33, 40, 24, false, true, true);
    try (CublasLtPlans plans = new CublasLtPlans(device, cache, true)) {
      MatmulPlan plan = plans.find(spec).orElseThrow();
      assertFalse(plan.fromCache());
      assertEquals(plan, plans.find(spec).orElseThrow());
      check(spec, plan);
    }
    Path entry;
    try (var files = Files.list(folder)) {
      entry = files.toList().getFirst();
    }
    try (CublasLtPlans plans = new CublasLtPlans(device, cache, true)) {
      MatmulPlan plan = plans.find(spec).orElseThrow();
      assertTrue(plan.fromCache());
      check(spec, plan);
    }
    // An entry that is whole, but that the library does not know.
    String key = entry.getFileName().toString();
    byte[] algorithm = cache.read(key);
    algorithm[0] ^= 1;
    cache.write(key, algorithm);
    try (CublasLtPlans plans = new CublasLtPlans(device, cache, false)) {
      MatmulPlan plan = plans.find(spec).orElseThrow();
      assertFalse(plan.fromCache());
      check(spec, plan);
    }
  }

  @Test
  void addressesMustFitTheProduct() {
    MatmulSpec spec = MatmulSpec.linear(DType.FLOAT32, 2, 2, 2, false, true, false);
    try (CublasLtPlans plans = new CublasLtPlans(device, NO_CACHE, false)) {
      MatmulPlan plan = plans.find(spec).orElseThrow();
      assertThrows(InvalidInputException.class, () -> plan.bind(0, 256, 512, 0, 0, 1024));
      assertThrows(InvalidInputException.class, () -> plan.bind(0, 256, 512, 64, 64, 1024));
    }
  }

  @Test
  void closedPlansSaySo() {
    MatmulSpec spec = MatmulSpec.linear(DType.FLOAT32, 2, 2, 2, false, false, false);
    CublasLtPlans plans = new CublasLtPlans(device, NO_CACHE, false);
    plans.find(spec);
    plans.close();
    plans.close();
    assertThrows(IllegalStateException.class, () -> plans.find(spec));
  }
}
