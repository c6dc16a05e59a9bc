package io.github.morseengine.engine.morse.latent;

import io.github.morseengine.engine.CompileOptions;
import io.github.morseengine.engine.CompiledModel;
import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.Session;
import io.github.morseengine.engine.error.ModelFormatException;
import io.github.morseengine.engine.graph.onnx.OnnxModel;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * One half of a VAE, compiled for one picture at a time and each size that was asked for. Safe for
 * use by several threads, which take turns.
 */
final class Vae implements AutoCloseable {

  private final Engine engine;
  private final Path file;
  private final Map<List<Long>, CompiledModel> models = new HashMap<>();

  Vae(Engine engine, Path file) {
    this.engine = engine;
    this.file = file;
  }

  /**
   * Runs one picture.
   *
   * @param input float32 [1, C, H, W]
   * @return the first output as float32 [1, C', H', W'], in memory of its own
   */
  synchronized Tensor run(Tensor input) {
    List<Long> shape = Arrays.stream(input.shape()).boxed().toList();
    CompiledModel model = models.computeIfAbsent(shape, s -> compile(input.shape()));
    try (Session session = model.newSession()) {
      session.input(model.inputs().get(0).name()).copyFrom(input);
      session.run();
      Tensor out = session.output(model.outputs().get(0).name());
      if (out.rank() != 4) {
        throw new ModelFormatException(
            "'" + file + "' gives " + out + ", expected [1, C, H, W]: it is no half of a VAE");
      }
      Tensor copy = Tensor.allocate(DType.FLOAT32, out.shape());
      copy.copyFrom(out);
      return copy;
    }
  }

  private CompiledModel compile(long[] shape) {
    try (OnnxModel onnx = OnnxModel.open(file)) {
      if (onnx.inputs().size() != 1) {
        throw new ModelFormatException(
            "'"
                + file
                + "' takes "
                + onnx.inputs().stream().map(OnnxModel.Port::name).toList()
                + ", expected one input: it is no half of a VAE");
      }
      String name = onnx.inputs().get(0).name();
      return engine.compile(onnx, CompileOptions.builder().input(name, shape).build());
    }
  }

  /** {@return bytes of the weights that its compiled models hold} */
  synchronized Map<Long, Long> weightBuffers() {
    Map<Long, Long> out = new HashMap<>();
    models.values().forEach(m -> out.putAll(m.weightBuffers()));
    return out;
  }

  @Override
  public synchronized void close() {
    models.values().forEach(CompiledModel::close);
    models.clear();
  }
}
