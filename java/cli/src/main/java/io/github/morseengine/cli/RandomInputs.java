package io.github.morseengine.cli;

import io.github.morseengine.engine.CompiledModel;
import io.github.morseengine.engine.Session;
import io.github.morseengine.engine.backend.Executable;
import io.github.morseengine.engine.tensor.Tensor;
import java.util.Random;

/** Inputs for measuring: normal numbers for pictures, zero for indices and times. */
final class RandomInputs {

  private RandomInputs() {}

  static void fill(Session session, CompiledModel model) {
    Random random = new Random(1);
    for (Executable.Port port : model.inputs()) {
      Tensor value = Tensor.allocate(port.dtype(), port.shape());
      for (long i = 0;
          port.dtype().isFloat() && port.shape().length > 1 && i < value.elements();
          i++) {
        value.setDouble(i, random.nextGaussian());
      }
      session.setInput(port.name(), value);
    }
  }
}
