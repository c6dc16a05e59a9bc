package io.github.morseengine.cli;

import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.graph.onnx.OnnxModel;
import io.github.morseengine.engine.tensor.Npy;
import io.github.morseengine.engine.tensor.Tensor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Reads a model's inputs and refuses what does not fit it. */
final class RunInputs {

  private RunInputs() {}

  static Map<String, Tensor> read(OnnxModel model, Map<String, String> files) {
    List<String> names = model.inputs().stream().map(OnnxModel.Port::name).toList();
    for (String given : files.keySet()) {
      if (!names.contains(given)) {
        throw new InvalidInputException(
            model.name() + ": no input '" + given + "'; the model has " + names);
      }
    }
    List<String> missing = new ArrayList<>(names);
    missing.removeAll(files.keySet());
    if (!missing.isEmpty()) {
      throw new InvalidInputException(
          model.name() + ": give --input NAME=FILE.npy for " + String.join(", ", missing));
    }
    Map<String, Tensor> out = new LinkedHashMap<>();
    for (OnnxModel.Port port : model.inputs()) {
      Path file = Path.of(files.get(port.name()));
      Tensor value = Npy.read(file);
      check(model, port, file, value);
      out.put(port.name(), value);
    }
    return out;
  }

  private static void check(OnnxModel model, OnnxModel.Port port, Path file, Tensor value) {
    boolean fits = port.dims() == null || port.dims().size() == value.rank();
    for (int i = 0; fits && port.dims() != null && i < value.rank(); i++) {
      fits = !port.dims().get(i).isFixed() || port.dims().get(i).size() == value.dim(i);
    }
    if (port.dtype() != null && port.dtype() != value.dtype() || !fits) {
      throw new InvalidInputException(
          model.name()
              + ": input '"
              + port.name()
              + "' takes "
              + port.dtype()
              + (port.dims() == null ? "" : port.dims())
              + ", '"
              + file
              + "' holds "
              + value);
    }
    for (long i = 0; value.dtype().isFloat() && i < value.elements(); i++) {
      if (Double.isNaN(value.getDouble(i))) {
        throw new InvalidInputException(
            "input '" + port.name() + "' ('" + file + "') is NaN at element " + i);
      }
    }
  }
}
