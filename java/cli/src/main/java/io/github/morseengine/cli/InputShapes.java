package io.github.morseengine.cli;

import io.github.morseengine.engine.CompileOptions;
import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.graph.onnx.OnnxModel;
import io.github.morseengine.engine.ir.Dim;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** Chooses shapes for a model that is looked at without inputs. */
final class InputShapes {

  /** Side of pictures and length of sequences where the model leaves them open. */
  private static final long SIDE = 32;

  private static final long SEQUENCE = 77;
  private static final int PICTURE_RANK = 4;

  private InputShapes() {}

  /**
   * Binds every input: as given, else as declared, with open first dimensions as the batch.
   *
   * @param model the model
   * @param given dimensions by name, e.g. {@code 1,3,32,32}
   * @param batch size of open first dimensions
   * @return options that bind all inputs
   */
  static CompileOptions of(OnnxModel model, Map<String, String> given, long batch) {
    CompileOptions.Builder out = CompileOptions.builder();
    List<String> names = model.inputs().stream().map(OnnxModel.Port::name).toList();
    for (String name : given.keySet()) {
      if (!names.contains(name)) {
        throw new InvalidInputException(
            model.name() + ": no input '" + name + "'; the model has " + names);
      }
    }
    for (OnnxModel.Port port : model.inputs()) {
      String text = given.get(port.name());
      out.input(port.name(), text == null ? guess(model, port, batch) : parse(port, text));
    }
    return out.build();
  }

  private static long[] guess(OnnxModel model, OnnxModel.Port port, long batch) {
    if (port.dims() == null) {
      throw new InvalidInputException(
          model.name()
              + ": the shape of input '"
              + port.name()
              + "' is open: give --shape "
              + port.name()
              + "=1,3,32,32");
    }
    List<Dim> dims = port.dims();
    long[] out = new long[dims.size()];
    for (int i = 0; i < out.length; i++) {
      Dim d = dims.get(i);
      out[i] =
          d.isFixed() ? d.size() : i == 0 ? batch : out.length == PICTURE_RANK ? SIDE : SEQUENCE;
    }
    return out;
  }

  private static long[] parse(OnnxModel.Port port, String text) {
    try {
      return Arrays.stream(text.split("[,x]")).mapToLong(s -> Long.parseLong(s.strip())).toArray();
    } catch (NumberFormatException e) {
      throw new InvalidInputException(
          "--shape " + port.name() + "=" + text + " is no shape: write it as 1,3,32,32", e);
    }
  }
}
