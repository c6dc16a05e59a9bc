package io.github.morseengine.tests.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.CompileOptions;
import io.github.morseengine.engine.CompiledModel;
import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.Session;
import io.github.morseengine.engine.backend.Precision;
import io.github.morseengine.engine.error.DeviceFatalException;
import io.github.morseengine.engine.error.DeviceOutOfMemoryException;
import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.error.MorseException;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.tests.support.ModelBuilder;
import io.github.morseengine.tests.support.SimulatedDevice;
import io.github.morseengine.tests.support.Subprocess;
import io.github.morseengine.tests.support.ToyMorse;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What goes wrong on a device: no memory, sticky faults, wrong indices, no GPU at all. */
class CudaFaultTest {

  @TempDir Path folder;

  @BeforeEach
  void use() {
    SimulatedDevice.use();
  }

  private Path relu() {
    ModelBuilder b =
        new ModelBuilder().input("x", DType.FLOAT32, -1, 4, 64, 64).output("y", -1, 4, 64, 64);
    b.node("Relu", "y", "x");
    return b.write(folder.resolve("relu.onnx"));
  }

  private static CompiledModel compile(Engine engine, Path file, long n) {
    return engine.compile(file, CompileOptions.builder().input("x", n, 4, 64, 64).build());
  }

  @Test
  void aSmallerRunFollowsOneThatIsTooLarge() {
    Path file = relu();
    try (Engine engine = CudaEngines.ownKernels(Precision.FP16)) {
      try (CompiledModel large = compile(engine, file, 120_000)) {
        for (int i = 0; i < 2; i++) {
          DeviceOutOfMemoryException e =
              assertThrows(DeviceOutOfMemoryException.class, large::newSession);
          assertTrue(e.getMessage().contains(" bytes"), e.getMessage());
          assertTrue(e.getMessage().contains("smaller batch"), e.getMessage());
          assertEquals(0, engine.deviceBytes(), "what the failed session held");
        }
      }
      try (CompiledModel small = compile(engine, file, 1);
          Session session = small.newSession()) {
        Tensor x = Tensor.allocate(DType.FLOAT32, 1, 4, 64, 64);
        x.setDouble(5, -3);
        x.setDouble(6, 3);
        session.setInput("x", x).run();
        assertEquals(0, session.output("y").getDouble(5));
        assertEquals(3, session.output("y").getDouble(6));
      }
      assertEquals(0, engine.deviceBytes());
    }
  }

  @Test
  void anIndexOutOfTheTableNamesItsNode() {
    ModelBuilder b =
        new ModelBuilder()
            .input("i", DType.INT64, 2)
            .output("y", 2, 3)
            .floats("table", ModelBuilder.random(1, 12), 4, 3);
    b.node("Gather", "y", "table", "i");
    Path file = b.write(folder.resolve("gather.onnx"));
    try (Engine engine = CudaEngines.ownKernels(Precision.FP16);
        CompiledModel model = engine.compile(file, CompileOptions.builder().build());
        Session session = model.newSession()) {
      session.setInput("i", Tensor.ofLongs(new long[] {3, 4}, 2));
      InvalidInputException e = assertThrows(InvalidInputException.class, session::run);
      assertTrue(e.getMessage().contains("n_y"), e.getMessage());
      session.setInput("i", Tensor.ofLongs(new long[] {3, -4}, 2)).run();
      assertEquals(ModelBuilder.random(1, 12)[9], session.output("y").getDouble(0), 1e-3);
      assertEquals(ModelBuilder.random(1, 12)[0], session.output("y").getDouble(3), 1e-3);
    }
  }

  /** Runs a model until the device fails, and on. */
  static final class Sticky {
    private Sticky() {}

    /** Prints what each attempt says. */
    public static void main(String[] arguments) {
      Path file = Path.of(arguments[0]);
      try (Engine engine = Engine.builder().backend("cuda").build()) {
        try (CompiledModel model = compile(engine, file, 1);
            Session session = model.newSession()) {
          for (int i = 0; i < 3; i++) {
            attempt(session::run);
          }
          attempt(model::newSession);
        }
        attempt(() -> compile(engine, file, 2));
      }
      attempt(() -> Engine.builder().backend("cuda").build());
      try (Engine engine = Engine.builder().build()) {
        System.out.println("auto: " + engine.backendName() + " " + engine.notice());
      }
    }

    private static void attempt(Runnable r) {
      try {
        r.run();
        System.out.println("done");
      } catch (MorseException e) {
        boolean fatal = e instanceof DeviceFatalException;
        System.out.println((fatal ? "fatal: " : "other: ") + e.getMessage());
      }
    }
  }

  @Test
  void aStickyFaultPoisonsTheEngine() {
    Subprocess run =
        SimulatedDevice.run(
            folder,
            SimulatedDevice.folder(),
            Map.of("MORSE_SIM_FAIL", "pointwise:2:700"),
            List.of(),
            Sticky.class.getName(),
            relu());
    assertEquals(0, run.code(), run.err());
    List<String> lines = run.out().lines().toList();
    assertEquals(7, lines.size(), run.out());
    assertEquals("done", lines.getFirst(), run.out());
    for (String line : lines.subList(1, 6)) {
      assertTrue(line.startsWith("fatal: "), line);
    }
    assertTrue(lines.get(1).contains("CUDA_ERROR_ILLEGAL_ADDRESS"), lines.get(1));
    for (String line : lines.subList(2, 6)) {
      assertTrue(line.contains("restart"), line);
    }
    assertTrue(lines.getLast().startsWith("auto: cpu no GPU: "), lines.getLast());
  }

  /** Opens the default engine. */
  static final class Auto {
    private Auto() {}

    /** Prints which it is. */
    public static void main(String[] arguments) {
      try (Engine engine = Engine.open()) {
        System.out.println(engine.backendName() + ": " + engine.notice());
      }
    }
  }

  @Test
  void withoutAGpuAutoIsTheCpuAndSaysWhy() throws IOException {
    Path empty = Files.createDirectories(folder.resolve("no libraries"));
    Subprocess run = SimulatedDevice.run(folder, empty, Map.of(), List.of(), Auto.class.getName());
    assertTrue(run.out().startsWith("cpu: no GPU: "), run.out() + run.err());
    assertTrue(run.out().contains(empty.toString()), run.out());
    Subprocess with =
        SimulatedDevice.run(
            folder, SimulatedDevice.folder(), Map.of(), List.of(), Auto.class.getName());
    assertTrue(with.out().startsWith("cuda: null"), with.out() + with.err());
  }

  @Test
  void closingInAnyOrderLeavesNothing() {
    Path file = relu();
    Engine engine = CudaEngines.withLibraries(Precision.FP16);
    CompiledModel model = compile(engine, file, 1);
    Session session = model.newSession();
    session.run();
    engine.close();
    model.close();
    assertTrue(engine.deviceBytes() > 0, "the session still holds its memory");
    session.run();
    session.close();
    session.close();
    assertEquals(0, engine.deviceBytes());
    assertThrows(IllegalStateException.class, session::run);
    assertThrows(IllegalStateException.class, () -> compile(engine, file, 1));
  }

  @Test
  void manySessionsLeaveNothing() {
    Path model = ToyMorse.write(folder).resolve("dash.onnx");
    CompileOptions options =
        CompileOptions.builder()
            .input("sample", 1, 3, 8, 8)
            .input("timestep", 1)
            .input("class_labels", 1)
            .build();
    try (Engine engine = CudaEngines.withLibraries(Precision.FP16)) {
      for (int i = 0; i < 50; i++) {
        try (CompiledModel compiled = engine.compile(model, options);
            Session session = compiled.newSession()) {
          session.run();
        }
        assertEquals(0, engine.deviceBytes(), "after " + (i + 1) + " rounds");
      }
    }
  }
}
