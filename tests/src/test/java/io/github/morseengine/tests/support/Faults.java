package io.github.morseengine.tests.support;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.CompileOptions;
import io.github.morseengine.engine.CompiledModel;
import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.Session;
import io.github.morseengine.engine.error.MorseException;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import java.nio.file.Path;
import org.junit.jupiter.api.function.Executable;

/** What every failure has to look like. */
public final class Faults {

  private Faults() {}

  /**
   * Asserts a failure of exactly one type whose message is one line that holds some words.
   *
   * @param type the exception
   * @param action fails
   * @param words that the message must hold
   * @param <T> the exception
   * @return the failure
   */
  public static <T extends MorseException> T fails(
      Class<T> type, Executable action, String... words) {
    T e = assertThrows(type, action);
    assertEquals(type, e.getClass());
    String message = e.getMessage();
    assertFalse(message.isBlank(), "an empty message");
    assertFalse(message.contains("\n"), () -> "more than one line: " + message);
    for (String word : words) {
      assertTrue(message.contains(word), () -> "'" + word + "' is not in: " + message);
    }
    return e;
  }

  /**
   * Compiles a file whose inputs all have declared shapes.
   *
   * @param engine the device
   * @param file the model
   */
  public static void compile(Engine engine, Path file) {
    engine.compile(file, CompileOptions.builder().build()).close();
  }

  /**
   * Asserts that an engine still works and holds nothing of what failed.
   *
   * @param engine the device
   * @param folder for a model
   */
  public static void stillWorks(Engine engine, Path folder) {
    assertEquals(0, engine.weightBytes(), "weights of a failed model are held");
    Path file = relu().write(folder.resolve("still-works.onnx"));
    try (CompiledModel model = engine.compile(file, CompileOptions.builder().build());
        Session session = model.newSession()) {
      session.setInput("x", Tensor.ofFloats(new float[] {-1, 2}, 2)).run();
      assertEquals(2, session.output("y").getDouble(1));
    }
  }

  /** {@return a model that is right} */
  public static ModelBuilder relu() {
    ModelBuilder b = new ModelBuilder().input("x", DType.FLOAT32, 2).output("y", 2);
    b.node("Relu", "y", "x");
    return b;
  }
}
