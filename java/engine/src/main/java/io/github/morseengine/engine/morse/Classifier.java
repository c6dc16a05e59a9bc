package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.CompileOptions;
import io.github.morseengine.engine.CompiledModel;
import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.Session;
import io.github.morseengine.engine.backend.Executable;
import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.error.ModelFormatException;
import io.github.morseengine.engine.graph.onnx.OnnxModel;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/**
 * The gradient of log p(label | x_t, t) for classifier guidance (Dhariwal and Nichol 2021, arXiv
 * 2105.05233, algorithm 2): classifier_grad.onnx takes {@code sample}, {@code timestep} and {@code
 * class_labels} and gives {@code gradient}. It sees what Dash and Dot see, at every step of either.
 * For one thread at a time.
 */
final class Classifier implements AutoCloseable {

  private static final String GRADIENT = "gradient";
  private static final List<String> INPUTS =
      List.of(ModelPair.SAMPLE, ModelPair.TIMESTEP, ModelPair.LABELS);

  private final Session session;
  private final Tensor sample;
  private final Tensor timestep;
  private final Tensor labels;
  private final Tensor output;
  private final Tensor wide;

  Classifier(CompiledModel model) {
    session = model.newSession();
    sample = session.input(ModelPair.SAMPLE);
    timestep = session.input(ModelPair.TIMESTEP);
    labels = session.input(ModelPair.LABELS);
    output = session.output(GRADIENT);
    wide =
        output.dtype() == DType.FLOAT32 ? output : Tensor.allocate(DType.FLOAT32, output.shape());
  }

  /**
   * Compiles a classifier and checks that it fits.
   *
   * @param file classifier_grad.onnx
   * @param shape [rows, C, H, W] of the sample
   */
  static CompiledModel compile(Engine engine, Path file, long[] shape) {
    try (OnnxModel onnx = OnnxModel.open(file)) {
      List<String> inputs = onnx.inputs().stream().map(OnnxModel.Port::name).toList();
      List<String> outputs = onnx.outputs().stream().map(OnnxModel.Port::name).toList();
      if (inputs.size() != INPUTS.size()
          || !inputs.containsAll(INPUTS)
          || !outputs.contains(GRADIENT)) {
        throw new ModelFormatException(
            onnx.name()
                + " must take "
                + INPUTS
                + " and give '"
                + GRADIENT
                + "'; it takes "
                + inputs
                + " and gives "
                + outputs);
      }
      return fitting(engine, onnx, shape);
    }
  }

  private static CompiledModel fitting(Engine engine, OnnxModel onnx, long[] shape) {
    CompileOptions.Builder options = CompileOptions.builder();
    for (OnnxModel.Port p : onnx.inputs()) {
      boolean wide = p.name().equals(ModelPair.SAMPLE);
      options.input(p.name(), wide ? shape : ModelPair.vector(p, shape[0]));
    }
    CompiledModel model;
    try {
      model = engine.compile(onnx, options.build());
    } catch (InvalidInputException e) {
      throw new ModelFormatException("the classifier does not fit Dash: " + e.getMessage(), e);
    }
    Executable.Port out = ModelPair.port(model.outputs(), GRADIENT);
    if (!Arrays.equals(out.shape(), shape)) {
      model.close();
      throw new ModelFormatException(
          "the classifier does not fit Dash: '"
              + GRADIENT
              + "' of "
              + onnx.name()
              + " is "
              + Arrays.toString(out.shape())
              + ", a sample is "
              + Arrays.toString(shape));
    }
    return model;
  }

  /** Where the labels go, one per picture. */
  Tensor labels() {
    return labels;
  }

  /**
   * Runs the classifier.
   *
   * @param x the sample as the models see it, float32
   * @param time what the models are told
   * @return the gradient in the layout of x, until the next run
   */
  MemorySegment gradient(MemorySegment x, double time) {
    sample.copyFrom(new Tensor(DType.FLOAT32, sample.shape(), x));
    Net.fill(timestep, time);
    session.run();
    if (wide != output) {
      wide.copyFrom(output);
    }
    return wide.data();
  }

  @Override
  public void close() {
    session.close();
  }
}
