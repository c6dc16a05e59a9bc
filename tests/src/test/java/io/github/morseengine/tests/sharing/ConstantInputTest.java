package io.github.morseengine.tests.sharing;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.CompileOptions;
import io.github.morseengine.engine.CompiledModel;
import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.Session;
import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.tests.support.Compare;
import io.github.morseengine.tests.support.Faults;
import io.github.morseengine.tests.support.ModelBuilder;
import io.github.morseengine.tests.support.Runner;
import io.github.morseengine.tests.support.SimulatedDevice;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What depends on inputs that stay the same is computed once, and again when they change. */
class ConstantInputTest {

  private static final String TEXT = "text";
  private static final int WIDTH = 24;
  private static final int TOKENS = 7;
  private static final int PIXELS = 40;

  @TempDir private Path folder;
  private Engine engine;

  @BeforeEach
  void open() {
    engine = Runner.engine("cpu");
  }

  @AfterEach
  void close() {
    assertEquals(0, engine.weightBytes());
    engine.close();
  }

  /** Two layers of cross attention; the second output depends on the text alone. */
  private Path model(DType type) {
    ModelBuilder m = new ModelBuilder();
    m.input("x", DType.FLOAT32, 1, PIXELS, WIDTH).input(TEXT, type, 1, TOKENS, WIDTH);
    m.output("y", 1, PIXELS, WIDTH).output("pooled", 1, 1, WIDTH);
    m.node("Cast", "t", TEXT).addAttribute(ModelBuilder.integer("to", DType.FLOAT32.onnxCode()));
    String x = "x";
    for (int layer = 0; layer < 2; layer++) {
      String at = Integer.toString(layer);
      String[] projected = new String[3];
      for (int i = 0; i < 3; i++) {
        String name = "qkv".charAt(i) + at;
        float[] weights = ModelBuilder.random(10 * layer + i, WIDTH * WIDTH);
        m.floats("w" + name, weights, WIDTH, WIDTH);
        m.node("MatMul", name, i == 0 ? x : "t", "w" + name);
        projected[i] = name;
      }
      m.node("Transpose", "kt" + at, projected[1]).addAttribute(ModelBuilder.ints("perm", 0, 2, 1));
      m.node("MatMul", "s" + at, projected[0], "kt" + at);
      m.node("Softmax", "p" + at, "s" + at).addAttribute(ModelBuilder.integer("axis", -1));
      String out = layer == 1 ? "y" : "y" + at;
      m.node("MatMul", "a" + at, "p" + at, projected[2]);
      m.node("Add", out, x, "a" + at);
      x = out;
    }
    m.longs("axes", 1).node("ReduceMean", "pooled", "v1", "axes");
    return m.write(folder.resolve(type + ".onnx"));
  }

  private static Tensor random(long seed, DType type, long rows) {
    Tensor out = Tensor.allocate(type, 1, rows, WIDTH);
    out.copyFrom(Tensor.ofFloats(ModelBuilder.random(seed, (int) rows * WIDTH), 1, rows, WIDTH));
    return out;
  }

  private static CompileOptions constant() {
    return CompileOptions.builder().constant(TEXT).build();
  }

  /** Runs, and tells whether the steps that depend on the text alone did. */
  private static boolean runs(CompiledModel model, Session session) {
    long[] nanos = new long[model.steps().size()];
    session.runProfiled(nanos);
    int once = model.onceSteps();
    assertTrue(once >= 4, "four projections of the text: " + once);
    assertTrue(Arrays.stream(nanos, once, nanos.length).sum() > 0);
    return Arrays.stream(nanos, 0, once).sum() > 0;
  }

  /** Compares with a plan that computes everything in every run, to the bit. */
  private static void agree(Session plain, Session session, Tensor x, Tensor text) {
    plain.setInput("x", x).setInput(TEXT, text).run();
    for (String output : new String[] {"y", "pooled"}) {
      Compare.identical(plain.output(output), session.output(output), output);
    }
  }

  private void follows(Engine engine, DType type) {
    Path file = model(type);
    try (CompiledModel all = engine.compile(file, CompileOptions.builder().build());
        CompiledModel kept = engine.compile(file, constant());
        Session plain = all.newSession();
        Session session = kept.newSession()) {
      assertEquals(0, all.onceSteps());
      assertEquals(all.weightBuffers(), kept.weightBuffers());
      Tensor first = random(1, type, TOKENS);
      session.setInput(TEXT, first);
      for (int step = 0; step < 4; step++) {
        Tensor x = random(100 + step, DType.FLOAT32, PIXELS);
        // Setting the same again changes nothing.
        session.setInput("x", x).setInput(TEXT, first);
        assertEquals(step == 0, runs(kept, session), "step " + step);
        agree(plain, session, x, first);
      }
      Tensor x = random(100, DType.FLOAT32, PIXELS);
      Tensor second = random(2, type, TOKENS);
      session.setInput("x", x).setInput(TEXT, second);
      assertTrue(runs(kept, session), "another text");
      agree(plain, session, x, second);
      session.run();
      agree(plain, session, x, second);
      Tensor third = random(3, type, TOKENS);
      session.input(TEXT).copyFrom(third);
      assertTrue(runs(kept, session), "written in place");
      agree(plain, session, x, third);
    }
  }

  @Test
  void untilTheyChange() {
    follows(engine, DType.FLOAT32);
  }

  @Test
  void inHalfPrecision() {
    follows(engine, DType.FLOAT16);
  }

  @ParameterizedTest
  @EnumSource(names = {"FLOAT32", "FLOAT16"})
  void onAGpu(DType type) {
    SimulatedDevice.use();
    try (Engine cuda = Runner.engine("cuda")) {
      follows(cuda, type);
    }
  }

  /** Of two inputs that stay, a change of one leaves alone what depends on the other only. */
  @Test
  void onlyWhatDependsOnTheChangedInput() {
    ModelBuilder m = new ModelBuilder().input("x", DType.FLOAT32, 4, WIDTH);
    m.input("a", DType.FLOAT32, 4, WIDTH).input("b", DType.FLOAT32, 4, WIDTH).output("y", 4, WIDTH);
    for (String name : new String[] {"a", "b"}) {
      m.floats("w" + name, ModelBuilder.random(name.charAt(0), WIDTH * WIDTH), WIDTH, WIDTH);
      m.node("MatMul", "m" + name, name, "w" + name).setName("product of " + name);
      m.node("Tanh", "t" + name, "m" + name).setName("tanh of " + name);
    }
    m.node("Mul", "both", "ta", "tb").setName("both");
    m.node("Add", "y", "x", "both").setName("sum");
    Path file = m.write(folder.resolve("two.onnx"));
    CompileOptions two = CompileOptions.builder().constant("a").constant("b").build();
    CompileOptions one = CompileOptions.builder().constant("a").build();
    try (CompiledModel all = engine.compile(file, CompileOptions.builder().build());
        CompiledModel kept = engine.compile(file, two);
        CompiledModel some = engine.compile(file, one);
        Session plain = all.newSession();
        Session session = kept.newSession();
        Session partly = some.newSession()) {
      assertTrue(some.onceSteps() < kept.onceSteps());
      for (int run = 0; run < 5; run++) {
        String changed = run % 2 == 0 ? "a" : "b";
        for (String name : new String[] {"x", "a", "b"}) {
          if (run == 0 || name.equals("x") || name.equals(changed)) {
            Tensor value = Tensor.ofFloats(ModelBuilder.random(31 * run, 4 * WIDTH), 4, WIDTH);
            plain.setInput(name, value);
            session.setInput(name, value);
            partly.setInput(name, value);
          }
        }
        plain.run();
        partly.run();
        long[] nanos = new long[kept.steps().size()];
        session.runProfiled(nanos);
        for (int i = 0; i < kept.onceSteps(); i++) {
          boolean rests =
              run > 0 && kept.steps().get(i).name().endsWith("of " + (run % 2 == 0 ? "b" : "a"));
          assertEquals(rests, nanos[i] == 0, kept.steps().get(i).name() + " in run " + run);
        }
        Compare.identical(plain.output("y"), session.output("y"), "run " + run);
        Compare.identical(plain.output("y"), partly.output("y"), "one constant, run " + run);
      }
    }
  }

  @Test
  void everySessionHasItsOwn() {
    try (CompiledModel model = engine.compile(model(DType.FLOAT32), constant());
        Session a = model.newSession();
        Session b = model.newSession()) {
      Tensor x = random(5, DType.FLOAT32, PIXELS);
      a.setInput("x", x).setInput(TEXT, random(1, DType.FLOAT32, TOKENS)).run();
      b.setInput("x", x).setInput(TEXT, random(2, DType.FLOAT32, TOKENS)).run();
      float[] before = a.output("y").toFloats();
      assertTrue(!Arrays.equals(before, b.output("y").toFloats()));
      a.run();
      assertArrayEquals(before, a.output("y").toFloats());
    }
  }

  /** Noise that only takes its shape from something that stays. */
  @Test
  void randomNumbersAreNotKept() {
    ModelBuilder m = new ModelBuilder().input(TEXT, DType.FLOAT32, 4, 5).output("y", 4, 5);
    m.node("RandomNormalLike", "noise", TEXT);
    m.node("Add", "y", "noise", TEXT);
    Path file = m.write(folder.resolve("noise.onnx"));
    try (CompiledModel model = engine.compile(file, constant())) {
      assertEquals(0, model.onceSteps());
    }
  }

  /** Devices that compute everything anew give the same. */
  @Test
  void theReferenceKeepsNothing() {
    Path file = model(DType.FLOAT32);
    try (Engine reference = Runner.engine("reference");
        CompiledModel slow = reference.compile(file, constant());
        CompiledModel fast = engine.compile(file, constant());
        Session expected = slow.newSession();
        Session actual = fast.newSession()) {
      assertEquals(0, slow.onceSteps());
      Tensor text = random(1, DType.FLOAT32, TOKENS);
      for (int step = 0; step < 2; step++) {
        Tensor x = random(step, DType.FLOAT32, PIXELS);
        expected.setInput("x", x).setInput(TEXT, text).run();
        actual.setInput("x", x).setInput(TEXT, text).run();
        Compare.close(expected.output("y"), actual.output("y"), 1e-3, "step " + step);
      }
    }
  }

  @Test
  void anInputThatIsNotThereIsNamed() {
    Path file = model(DType.FLOAT32);
    CompileOptions options = CompileOptions.builder().constant("prompt").build();
    Faults.fails(
        InvalidInputException.class,
        () -> engine.compile(file, options),
        "no input 'prompt'",
        "text");
  }
}
