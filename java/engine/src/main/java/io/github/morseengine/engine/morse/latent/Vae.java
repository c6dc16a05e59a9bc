package io.github.morseengine.engine.morse.latent;

import io.github.morseengine.engine.CompileOptions;
import io.github.morseengine.engine.CompiledModel;
import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.Session;
import io.github.morseengine.engine.backend.Precision;
import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.error.ModelFormatException;
import io.github.morseengine.engine.graph.onnx.OnnxModel;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import java.lang.foreign.ValueLayout;
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
  private final Precision insteadOfFp16;
  private final Map<List<Long>, CompiledModel> models = new HashMap<>();

  /**
   * Takes a half of a VAE, which is read when it is first used.
   *
   * @param file its graph
   * @param upcast whether fp16 cannot hold its activations, see {@link VaeConfig#upcast}
   */
  Vae(Engine engine, Path file, boolean upcast) {
    this.engine = engine;
    this.file = file;
    this.insteadOfFp16 = upcast ? Precision.TF32 : Precision.FP16;
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
      checkFinite(copy);
      return copy;
    }
  }

  /** A picture of NaN would be black, and nobody would know why. */
  private void checkFinite(Tensor out) {
    for (long i = 0; i < out.elements(); i++) {
      if (!Float.isFinite(out.data().getAtIndex(ValueLayout.JAVA_FLOAT, i))) {
        throw new InvalidInputException(
            "'%s' gives NaN or infinity in %s: what it was given is out of range (--check-finite says where), or its activations are: use --precision fp32"
                .formatted(file, engine.precision().label()));
      }
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
      return engine.compile(
          onnx, CompileOptions.builder().input(name, shape).insteadOfFp16(insteadOfFp16).build());
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
