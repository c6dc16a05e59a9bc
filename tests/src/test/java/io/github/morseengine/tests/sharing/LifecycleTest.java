package io.github.morseengine.tests.sharing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.CompileOptions;
import io.github.morseengine.engine.CompiledModel;
import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.Session;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.tests.support.Compare;
import io.github.morseengine.tests.support.Fixtures;
import io.github.morseengine.tests.support.ModelBuilder;
import io.github.morseengine.tests.support.Runner;
import io.github.morseengine.tests.support.Subprocess;
import io.github.morseengine.tests.support.ToyMorse;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** Threads, closing, and memory over many cycles. */
@Timeout(value = 300, unit = TimeUnit.SECONDS)
class LifecycleTest {

  private static final Map<String, Tensor> INPUTS =
      Map.of(
          "sample", Tensor.ofFloats(ModelBuilder.random(9, 2 * 3 * 64), 2, 3, 8, 8),
          "timestep", Tensor.ofLongs(new long[] {5, 7}, 2),
          "class_labels", Tensor.ofLongs(new long[] {0, 2}, 2));

  @TempDir Path folder;

  private CompiledModel toy(Engine engine) {
    Path file = ToyMorse.dash().write(folder.resolve("dash.onnx"));
    return engine.compile(file, Runner.options(INPUTS));
  }

  @Test
  void sixteenThreadsOnOneModelEqualOne() throws Exception {
    Fixtures.unpack("unets.zip", folder);
    Path kind = folder.resolve("class_conditional");
    Map<String, Tensor> in = Fixtures.arrays(kind.resolve("2x24x40/in"));
    try (Engine engine = Runner.engine("cpu");
        CompiledModel model = engine.compile(kind.resolve("dynamo-20.onnx"), Runner.options(in));
        ExecutorService pool = Executors.newFixedThreadPool(16)) {
      Tensor expected = Runner.run(model, in).get("out_sample");
      List<Callable<Tensor>> tasks = new ArrayList<>();
      CountDownLatch together = new CountDownLatch(16);
      for (int i = 0; i < 16; i++) {
        tasks.add(
            () -> {
              together.countDown();
              together.await();
              Tensor last = null;
              for (int k = 0; k < 3; k++) {
                last = Runner.run(model, in).get("out_sample");
              }
              return last;
            });
      }
      for (Future<Tensor> f : pool.invokeAll(tasks)) {
        Compare.identical(expected, f.get(), "of another thread");
      }
    }
  }

  @Test
  void compilingFromManyThreadsSharesWeights() throws Exception {
    try (Engine engine = Runner.engine("cpu");
        ExecutorService pool = Executors.newFixedThreadPool(8)) {
      ToyMorse.dash().write(folder.resolve("dash.onnx"));
      List<Callable<CompiledModel>> tasks = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        tasks.add(() -> engine.compile(folder.resolve("dash.onnx"), Runner.options(INPUTS)));
      }
      List<CompiledModel> models = new ArrayList<>();
      for (Future<CompiledModel> f : pool.invokeAll(tasks)) {
        models.add(f.get());
      }
      long alone = models.getFirst().weightBuffers().values().stream().mapToLong(v -> v).sum();
      assertEquals(alone, engine.weightBytes());
      models.forEach(CompiledModel::close);
      assertEquals(0, engine.weightBytes());
    }
  }

  @Test
  void useAfterCloseSaysSo() {
    Engine engine = Runner.engine("cpu");
    CompiledModel model = toy(engine);
    Session session = model.newSession();
    session.close();
    session.close();
    assertThrows(IllegalStateException.class, session::run);
    assertThrows(IllegalStateException.class, () -> session.output("out_sample"));
    assertThrows(IllegalStateException.class, () -> session.input("sample"));
    model.close();
    model.close();
    assertThrows(IllegalStateException.class, model::newSession);
    engine.close();
    engine.close();
    assertThrows(IllegalStateException.class, () -> toy(engine));
  }

  @Test
  void whatIsInUseOutlivesItsOwner() {
    Engine engine = Runner.engine("cpu");
    CompiledModel model = toy(engine);
    Tensor expected = Runner.run(model, INPUTS).get("out_sample");
    Session session = model.newSession();
    engine.close();
    model.close();
    INPUTS.forEach(session::setInput);
    session.run();
    Compare.identical(expected, session.output("out_sample"), "after the owners were closed");
    assertTrue(engine.weightBytes() > 0);
    session.close();
    assertEquals(0, engine.weightBytes());
  }

  @Test
  void closingWhileOthersRunDoesNotCrash() throws Exception {
    try (ExecutorService pool = Executors.newFixedThreadPool(4)) {
      for (int round = 0; round < 20; round++) {
        Engine engine = Runner.engine("cpu");
        CompiledModel model = toy(engine);
        CountDownLatch running = new CountDownLatch(4);
        List<Future<Integer>> all = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
          all.add(
              pool.submit(
                  () -> {
                    int done = 0;
                    running.countDown();
                    try {
                      while (true) {
                        Runner.run(model, INPUTS);
                        done++;
                      }
                    } catch (IllegalStateException closed) {
                      return done;
                    }
                  }));
        }
        running.await();
        model.close();
        engine.close();
        for (Future<Integer> f : all) {
          f.get();
        }
        assertEquals(0, engine.weightBytes());
      }
    }
  }

  /**
   * Ten thousand loads, runs and closes in a process whose own memory does not move: a heap of one
   * size, no optimising compiler, one arena of malloc. Measured, the second half adds 0.1 MiB; 400
   * bytes that a cycle keeps would show as 2 MiB.
   */
  @Test
  @EnabledOnOs(OS.LINUX)
  void tenThousandCyclesLeaveMemoryFlat() {
    ModelBuilder b = new ModelBuilder().input("x", DType.FLOAT32, 8, 8).output("y", 8, 8);
    b.floats("w", ModelBuilder.random(1, 64), 8, 8).node("MatMul", "m", "x", "w");
    b.node("Softmax", "y", "m");
    Path file = b.write(folder.resolve("m.onnx"));
    List<String> options = new ArrayList<>(Subprocess.OPTIONS);
    options.addAll(List.of("-XX:+UseSerialGC", "-Xms64m", "-Xmn16m", "-XX:+AlwaysPreTouch"));
    options.add("-XX:TieredStopAtLevel=1");
    Subprocess run =
        Subprocess.await(
            Subprocess.start(
                folder,
                Map.of("MALLOC_ARENA_MAX", "1"),
                options,
                Subprocess.classPath(),
                List.of(Cycles.class.getName(), file, 10_000)),
            folder);
    assertEquals(0, run.code(), run.err());
    String[] kilobytes = run.out().strip().split(" ");
    long growth = Long.parseLong(kilobytes[1]) - Long.parseLong(kilobytes[0]);
    assertTrue(growth < 2 << 10, "resident memory grew by " + growth + " KiB");
  }

  /** Loads, runs and closes again and again; prints the resident KiB half-way and at the end. */
  static final class Cycles {

    private Cycles() {}

    /**
     * Runs the cycles.
     *
     * @param args the model and the number of cycles
     * @throws IOException if the system does not tell the resident memory
     */
    public static void main(String[] args) throws IOException {
      int cycles = Integer.parseInt(args[1]);
      Tensor x = Tensor.ofFloats(ModelBuilder.random(2, 64), 8, 8);
      long half = 0;
      for (int i = 0; i < cycles; i++) {
        if (i == cycles / 2) {
          System.gc();
          half = residentKilobytes();
        }
        try (Engine engine = Runner.engine("cpu")) {
          try (CompiledModel model =
                  engine.compile(Path.of(args[0]), CompileOptions.builder().build());
              Session session = model.newSession()) {
            session.setInput("x", x);
            session.run();
          }
          if (engine.weightBytes() != 0) {
            throw new IllegalStateException("a closed model left " + engine.weightBytes());
          }
        }
      }
      System.gc();
      System.out.println(half + " " + residentKilobytes());
    }
  }

  private static long residentKilobytes() throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith("VmRSS:")) {
        return Long.parseLong(line.replaceAll("[^0-9]", ""));
      }
    }
    throw new IllegalStateException("no VmRSS in /proc/self/status");
  }
}
