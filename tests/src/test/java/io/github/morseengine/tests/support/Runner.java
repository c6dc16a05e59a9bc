package io.github.morseengine.tests.support;

import io.github.morseengine.engine.CompileOptions;
import io.github.morseengine.engine.CompiledModel;
import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.Session;
import io.github.morseengine.engine.backend.Executable;
import io.github.morseengine.engine.backend.Precision;
import io.github.morseengine.engine.tensor.Tensor;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;

/** Runs models once. */
public final class Runner {

  private Runner() {}

  /**
   * Opens an engine of full precision, so that results do not depend on the machine's bf16.
   *
   * @param backend its name
   * @return the engine, of two threads
   */
  public static Engine engine(String backend) {
    if (backend.equals("reference")) {
      return Engine.builder().backend(backend).build();
    }
    return Engine.builder().backend(backend).threads(2).precision(Precision.FP32).build();
  }

  /**
   * The shapes of inputs.
   *
   * @param inputs tensors by name
   * @return options that bind them
   */
  public static CompileOptions options(Map<String, Tensor> inputs) {
    CompileOptions.Builder options = CompileOptions.builder();
    inputs.forEach((name, value) -> options.input(name, value.shape()));
    return options.build();
  }

  /**
   * Compiles a file and runs it.
   *
   * @param engine the device
   * @param file the model
   * @param inputs its inputs
   * @return copies of its outputs
   */
  public static Map<String, Tensor> run(Engine engine, Path file, Map<String, Tensor> inputs) {
    try (CompiledModel model = engine.compile(file, options(inputs))) {
      return run(model, inputs);
    }
  }

  /**
   * Runs a compiled model in a session of its own.
   *
   * @param model the model
   * @param inputs its inputs
   * @return copies of its outputs
   */
  public static Map<String, Tensor> run(CompiledModel model, Map<String, Tensor> inputs) {
    try (Session session = model.newSession()) {
      inputs.forEach(session::setInput);
      session.run();
      Map<String, Tensor> out = new TreeMap<>();
      for (Executable.Port p : model.outputs()) {
        out.put(p.name(), Compare.copy(session.output(p.name())));
      }
      return out;
    }
  }
}
