package io.github.morseengine.jmh.peers;

import io.github.morseengine.engine.CompileOptions;
import io.github.morseengine.engine.backend.Executable;
import io.github.morseengine.engine.graph.onnx.OnnxModel;
import io.github.morseengine.engine.ir.Dim;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A model at a batch.
 *
 * @param name for the table
 * @param file the .onnx file
 * @param batch size of open first dimensions
 * @param shapes given shapes by input
 */
record Case(String name, Path file, long batch, Map<String, long[]> shapes) {

  private static final long SIDE = 32;

  /** The shipped models and, where they were made, the two larger U-Nets. */
  static List<Case> builtIn(Path home) {
    Path shipped = home.resolve("onnx-models/shipped/emoji32");
    Path made = home.resolve("jmh/models/out");
    List<Case> out = new ArrayList<>();
    add(out, "shipped Dash", shipped.resolve("dash.onnx"), 1, 16);
    add(out, "shipped Dot", shipped.resolve("dot.onnx"), 1, 16);
    add(out, "U-Net 7 M", made.resolve("unet7/model.onnx"), 1, 16);
    add(out, "DDPM CIFAR-10 36 M", made.resolve("ddpm36/model.onnx"), 1, 8);
    return out;
  }

  private static void add(List<Case> out, String name, Path file, long... batches) {
    if (!Files.exists(file)) {
      System.err.println(name + ": left out, there is no '" + file + "' (see jmh/README.md)");
      return;
    }
    for (long b : batches) {
      out.add(new Case(name, file, b, Map.of()));
    }
  }

  /** Binds every input: as given, else as declared with the batch first and sides of 32. */
  CompileOptions options(OnnxModel model) {
    return options(model, Set.of());
  }

  /** The same, with inputs that stay from run to run. */
  CompileOptions options(OnnxModel model, Set<String> constants) {
    CompileOptions.Builder out = CompileOptions.builder();
    ports(model).forEach(port -> out.input(port.name(), port.shape()));
    constants.forEach(out::constant);
    return out.build();
  }

  /** The inputs as they are bound. */
  List<Executable.Port> ports(OnnxModel model) {
    List<Executable.Port> out = new ArrayList<>();
    for (OnnxModel.Port port : model.inputs()) {
      long[] shape = shapes.get(port.name());
      if (shape == null) {
        List<Dim> dims = port.dims();
        shape = new long[dims.size()];
        for (int i = 0; i < shape.length; i++) {
          Dim d = dims.get(i);
          shape[i] = d.isFixed() ? d.size() : i == 0 ? batch : SIDE;
        }
      }
      out.add(new Executable.Port(port.name(), port.dtype(), shape));
    }
    return out;
  }
}
