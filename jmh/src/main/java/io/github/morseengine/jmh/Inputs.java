package io.github.morseengine.jmh;

import io.github.morseengine.engine.CompiledModel;
import io.github.morseengine.engine.backend.Executable.Port;
import io.github.morseengine.engine.tensor.Tensor;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** Random inputs; zeros would let some kernels and caches look better than they are. */
public final class Inputs {

  private static final int TIMES = 1000;
  private static final int LABELS = 9;

  private Inputs() {}

  /**
   * Makes inputs: normal numbers for pictures, whole numbers below 1000 for times, below 9 for
   * everything else.
   *
   * @param model names, types and shapes
   * @return a tensor by input name
   */
  public static Map<String, Tensor> random(CompiledModel model) {
    return random(model.inputs());
  }

  /**
   * Makes inputs, the same for the same ports.
   *
   * @param ports names, types and shapes
   * @return a tensor by input name
   */
  public static Map<String, Tensor> random(List<Port> ports) {
    Random random = new Random(7);
    Map<String, Tensor> out = new LinkedHashMap<>();
    for (Port port : ports) {
      Tensor t = Tensor.allocate(port.dtype(), port.shape());
      boolean time = port.name().contains("timestep");
      for (long i = 0; i < t.elements(); i++) {
        if (time) {
          t.setDouble(i, random.nextInt(TIMES));
        } else if (port.dtype().isFloat()) {
          t.setDouble(i, random.nextGaussian());
        } else {
          t.setLong(i, random.nextInt(LABELS));
        }
      }
      out.put(port.name(), t);
    }
    return out;
  }
}
