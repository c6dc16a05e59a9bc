package io.github.morseengine.jmh.peers;

import io.github.morseengine.engine.CompiledModel;
import io.github.morseengine.engine.Session;
import io.github.morseengine.engine.backend.Executable;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.jmh.Check;
import java.util.Map;

/** This engine. */
final class MorseRunner implements Runner {

  private final CompiledModel model;
  private final Session session;
  private final String output;

  /** Takes the model over: it is closed with the runner. */
  MorseRunner(CompiledModel model) {
    this.model = model;
    this.session = model.newSession();
    this.output = model.outputs().get(0).name();
  }

  CompiledModel model() {
    return model;
  }

  long flops() {
    return model.steps().stream().mapToLong(Executable.StepInfo::flops).sum();
  }

  @Override
  public void bind(Map<String, Tensor> inputs) {
    inputs.forEach(session::setInput);
    Check.poison(session.output(output));
  }

  @Override
  public void run() {
    session.run();
  }

  @Override
  public float[] output() {
    return session.output(output).toFloats();
  }

  @Override
  public void close() {
    session.close();
    model.close();
  }
}
