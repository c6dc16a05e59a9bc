package io.github.morseengine.tests.cudnn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.backend.cuda.cudnn.ConvSpec;
import io.github.morseengine.engine.backend.cuda.cudnn.ConvSpec.Epilogue;
import io.github.morseengine.engine.backend.cuda.cudnn.ConvSpec.Pitch;
import io.github.morseengine.engine.backend.cuda.cudnn.ConvSpec.Window;
import io.github.morseengine.engine.backend.cuda.cudnn.CudnnPlan;
import io.github.morseengine.engine.backend.cuda.cudnn.CudnnPlans;
import io.github.morseengine.engine.device.DiskCache;
import io.github.morseengine.engine.device.cuda.CudaDevice;
import io.github.morseengine.engine.device.cuda.CudaGraph;
import io.github.morseengine.engine.device.cuda.CudaStream;
import io.github.morseengine.engine.device.cuda.DeviceBuffer;
import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.ffi.cudnn.CudnnHandle;
import io.github.morseengine.engine.ffi.cudnn.Descriptor;
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

/** Convolutions through cuDNN's plans on the simulated device. */
class ConvolutionPlanTest {

  private static final DiskCache NO_CACHE = new DiskCache(null);

  private CudaDevice device;
  private CudaStream stream;
  private long descriptors;

  @BeforeEach
  void open() {
    SimulatedDevice.use();
    descriptors = Descriptor.live();
    device = CudaDevice.open(0);
    stream = device.newStream();
  }

  @AfterEach
  void nothingIsLeft() {
    stream.close();
    device.close();
    assertEquals(0, device.currentBytes(), "device bytes");
    assertEquals(descriptors, Descriptor.live(), "descriptors");
    assertEquals(0, CudnnHandle.live(), "handles");
    assertThrows(IllegalStateException.class, device::synchronize, "everything was closed");
  }

  /** Shapes of all kinds, most of them odd. */
  private static List<ConvSpec> shapes(DType type, boolean tf32) {
    Epilogue all = new Epilogue(true, true, true);
    List<ConvSpec> out = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      Epilogue e = new Epilogue((i & 1) != 0, (i & 2) != 0, (i & 4) != 0);
      out.add(ConvSpec.dense(type, new long[] {2, 17, 9, 7}, 23, 3, Window.square(1, 1), e));
    }
    out.add(ConvSpec.dense(type, new long[] {1, 64, 5, 5}, 33, 1, Window.square(1, 0), all));
    out.add(ConvSpec.dense(type, new long[] {2, 8, 11, 13}, 16, 3, Window.square(2, 1), all));
    out.add(ConvSpec.dense(type, new long[] {3, 4, 1, 1}, 40, 1, Window.square(1, 0), all));
    out.add(ConvSpec.dense(type, new long[] {1, 3, 40, 40}, 5, 7, Window.square(4, 3), all));
    long[] image = {2, 12, 10, 9};
    // Padding at the end only, as diffusers' down-sampling has it.
    Window end = new Window(2, 2, 1, 1, 0, 0, 1, 1);
    out.add(ConvSpec.dense(type, image, 8, 3, end, all));
    Window dilated = new Window(1, 2, 2, 3, 2, 3, 1, 0);
    out.add(ConvSpec.dense(type, image, 8, 3, dilated, all));
    ConvSpec d = ConvSpec.dense(type, image, 18, 3, Window.square(1, 1), all);
    // Three groups; then slices of wider images.
    out.add(with(d, 3, d.pitch(), tf32));
    out.add(with(d, 1, new Pitch(20, 26, 19), tf32));
    out.replaceAll(s -> with(s, s.groups(), s.pitch(), tf32));
    return out;
  }

  private static ConvSpec with(ConvSpec s, long groups, Pitch pitch, boolean tf32) {
    return new ConvSpec(
        s.type(),
        s.n(),
        s.c(),
        s.h(),
        s.w(),
        s.k(),
        s.r(),
        s.s(),
        s.window(),
        groups,
        s.epilogue(),
        pitch,
        s.type().bytes(),
        tf32);
  }

  @ParameterizedTest
  @EnumSource(names = {"FLOAT32", "FLOAT16", "BFLOAT16"})
  void agreesWithPlainArithmetic(DType type) {
    try (CudnnPlans plans = new CudnnPlans(device, NO_CACHE, false)) {
      for (boolean tf32 : new boolean[] {true, false}) {
        for (ConvSpec spec : shapes(type, tf32)) {
          CudnnPlan plan = plans.find(spec).orElseThrow();
          // The engine for exact float32 is another, without a workspace.
          boolean exact = type == DType.FLOAT32 && !tf32;
          assertEquals(exact, plan.workspaceBytes() == 0, plan.tag());
          check(spec, plan);
        }
      }
    }
  }

  private void check(ConvSpec c, CudnnPlan plan) {
    SplittableRandom random = new SplittableRandom(c.key().hashCode());
    long outPositions = c.n() * c.outH() * c.outW();
    try (DeviceArray x = random(c.type(), c.n() * c.h() * c.w() * c.pitch().x(), random);
        DeviceArray w = random(c.type(), c.k() * c.r() * c.s() * (c.c() / c.groups()), random);
        DeviceArray bias = random(DType.FLOAT32, c.k(), random);
        DeviceArray residual = random(c.type(), outPositions * c.pitch().residual(), random);
        DeviceArray y =
            DeviceArray.poisoned(device, stream, c.type(), outPositions * c.pitch().y());
        DeviceBuffer workspace = device.allocate(plan.workspaceBytes())) {
      List<Long> addresses = new ArrayList<>(List.of(x.address(), w.address()));
      if (c.epilogue().bias()) {
        addresses.add(bias.address());
      }
      if (c.epilogue().residual()) {
        addresses.add(residual.address());
      }
      addresses.add(y.address());
      long[] bound = addresses.stream().mapToLong(a -> a).toArray();
      try (CudnnPlan.Bound run = plan.bind(workspace.address(), bound)) {
        run.enqueue(stream);
        stream.synchronize();
      }
      ConvReference reference =
          new ConvReference(
              c,
              x.host,
              w.host,
              c.epilogue().bias() ? bias.host : null,
              c.epilogue().residual() ? residual.host : null);
      compare(c, reference, y.read());
    }
  }

  private DeviceArray random(DType type, long elements, SplittableRandom random) {
    return DeviceArray.random(device, stream, type, elements, random);
  }

  private static void compare(ConvSpec c, ConvReference reference, Tensor y) {
    for (long n = 0; n < c.n(); n++) {
      for (long h = 0; h < c.outH(); h++) {
        for (long w = 0; w < c.outW(); w++) {
          long at = ((n * c.outH() + h) * c.outW() + w) * c.pitch().y();
          for (long k = 0; k < c.k(); k++) {
            ConvReference.Element e = reference.at(n, k, h, w);
            double got = y.getDouble(at + k);
            String where = c + " at " + n + "," + k + "," + h + "," + w + ": ";
            assertTrue(
                Math.abs(got - e.value()) <= e.tolerance(), where + got + " for " + e.value());
          }
          for (long k = c.k(); k < c.pitch().y(); k++) {
            assertTrue(Double.isNaN(y.getDouble(at + k)), c + " wrote beside its channels");
          }
        }
      }
    }
  }

  private static final ConvSpec SMALL =
      ConvSpec.dense(
          DType.FLOAT16,
          new long[] {1, 8, 4, 4},
          8,
          3,
          Window.square(1, 1),
          new Epilogue(true, false, true));

  @Test
  void aPlanIsFoundOnceAndKept() {
    try (CudnnPlans plans = new CudnnPlans(device, NO_CACHE, false)) {
      assertEquals(plans.find(SMALL), plans.find(SMALL));
      assertTrue(plans.version().startsWith("9."), plans.version());
    }
  }

  @Test
  void measuringTakesTheFastestAndTheCacheKeepsIt(@TempDir Path folder) throws IOException {
    DiskCache cache = new DiskCache(folder);
    String tag;
    try (CudnnPlans plans = new CudnnPlans(device, cache, true)) {
      CudnnPlan plan = plans.find(SMALL).orElseThrow();
      tag = plan.tag();
      assertFalse(plan.fromCache());
      check(SMALL, plan);
    }
    assertEquals(1, files(folder).size());
    try (CudnnPlans plans = new CudnnPlans(device, cache, true)) {
      CudnnPlan plan = plans.find(SMALL).orElseThrow();
      assertTrue(plan.fromCache());
      assertEquals(tag, plan.tag());
      check(SMALL, plan);
    }
    // A damaged entry is written anew.
    Path entry = files(folder).getFirst();
    byte[] bytes = Files.readAllBytes(entry);
    bytes[bytes.length - 5] ^= 1;
    Files.write(entry, bytes);
    try (CudnnPlans plans = new CudnnPlans(device, cache, false)) {
      CudnnPlan plan = plans.find(SMALL).orElseThrow();
      assertFalse(plan.fromCache());
      check(SMALL, plan);
    }
    try (CudnnPlans plans = new CudnnPlans(device, cache, false)) {
      assertTrue(plans.find(SMALL).orElseThrow().fromCache());
    }
  }

  private static List<Path> files(Path folder) throws IOException {
    try (var all = Files.list(folder)) {
      return all.toList();
    }
  }

  @Test
  void aGraphReplaysIt() {
    SplittableRandom random = new SplittableRandom(3);
    ConvSpec c =
        ConvSpec.dense(
            DType.FLOAT32,
            new long[] {1, 4, 6, 6},
            4,
            3,
            Window.square(1, 1),
            new Epilogue(false, true, false));
    try (CudnnPlans plans = new CudnnPlans(device, NO_CACHE, false)) {
      CudnnPlan plan = plans.find(c).orElseThrow();
      try (DeviceArray x = random(c.type(), 144, random);
          DeviceArray w = random(c.type(), 144, random);
          DeviceArray y = random(c.type(), 144, random);
          DeviceBuffer workspace = device.allocate(plan.workspaceBytes());
          CudnnPlan.Bound run =
              plan.bind(workspace.address(), x.address(), w.address(), y.address(), y.address())) {
        stream.beginCapture();
        run.enqueue(stream);
        try (CudaGraph graph = stream.endCapture()) {
          assertEquals(y.host.getDouble(0), y.read().getDouble(0), "capturing runs nothing");
          stream.launch(graph);
          double once = y.read().getDouble(0) - y.host.getDouble(0);
          stream.launch(graph);
          stream.launch(graph);
          // The output is the residual, too.
          assertEquals(3 * once, y.read().getDouble(0) - y.host.getDouble(0), 1e-5);
        }
      }
    }
  }

  @Test
  void aWrongNumberOfAddressesIsRefused() {
    try (CudnnPlans plans = new CudnnPlans(device, NO_CACHE, false)) {
      CudnnPlan plan = plans.find(SMALL).orElseThrow();
      InvalidInputException e =
          assertThrows(InvalidInputException.class, () -> plan.bind(0, 256, 512));
      assertTrue(e.getMessage().contains("4 tensors, bound are 2"), e.getMessage());
    }
  }

  @Test
  void closedPlansSaySo() {
    CudnnPlans plans = new CudnnPlans(device, NO_CACHE, false);
    plans.find(SMALL);
    plans.close();
    plans.close();
    assertThrows(IllegalStateException.class, () -> plans.find(SMALL));
  }
}
