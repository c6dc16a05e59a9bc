package io.github.morseengine.cli;

import io.github.morseengine.engine.CompileOptions;
import io.github.morseengine.engine.CompiledModel;
import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.Session;
import io.github.morseengine.engine.error.ModelFormatException;
import io.github.morseengine.engine.graph.onnx.OnnxModel;
import io.github.morseengine.engine.morse.ModelDirectory;
import io.github.morseengine.engine.morse.evaluate.FrechetDistance;
import io.github.morseengine.engine.morse.evaluate.Moments;
import io.github.morseengine.engine.tensor.Npy;
import io.github.morseengine.engine.tensor.Tensor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * The classifier that judges pictures: evaluation/classifier.onnx of a model directory takes {@code
 * sample} and gives {@code features} and {@code logits}; evaluation/data_features.npy holds the
 * features of the data. It has no part in drawing. For one thread at a time.
 */
final class Judge implements AutoCloseable {

  private static final String SAMPLE = "sample";

  private final CompiledModel model;
  private final Session session;
  private final FrechetDistance distance;
  private final int features;

  private Judge(CompiledModel model, FrechetDistance distance, int features) {
    this.model = model;
    this.session = model.newSession();
    this.distance = distance;
    this.features = features;
  }

  static boolean isThere(ModelDirectory directory) {
    return Files.exists(folder(directory).resolve("classifier.onnx"));
  }

  private static Path folder(ModelDirectory directory) {
    return directory.path().resolve("evaluation");
  }

  /**
   * Compiles the classifier.
   *
   * @param shape [N, C, H, W] of a batch
   */
  static Judge open(Engine engine, ModelDirectory directory, long[] shape) {
    Path file = folder(directory).resolve("classifier.onnx");
    float[][] data = rows(Npy.read(folder(directory).resolve("data_features.npy")));
    CompiledModel model;
    try (OnnxModel onnx = OnnxModel.open(file)) {
      model = engine.compile(onnx, CompileOptions.builder().input(SAMPLE, shape).build());
    }
    Judge judge = null;
    try {
      judge = new Judge(model, new FrechetDistance(Moments.of(data)), data[0].length);
      long[] given = judge.session.output("features").shape();
      if (given.length != 2 || given[1] != data[0].length) {
        throw new ModelFormatException(
            file
                + " gives features "
                + Arrays.toString(given)
                + ", but data_features.npy holds "
                + data[0].length
                + " for each picture: export both again");
      }
      judge.session.output("logits");
      return judge;
    } catch (RuntimeException e) {
      if (judge != null) {
        judge.session.close();
      }
      model.close();
      throw e;
    }
  }

  static float[][] rows(Tensor t) {
    float[] all = t.toFloats();
    int width = (int) t.dim(1);
    float[][] out = new float[(int) t.dim(0)][];
    for (int i = 0; i < out.length; i++) {
      out[i] = Arrays.copyOfRange(all, i * width, (i + 1) * width);
    }
    return out;
  }

  int features() {
    return features;
  }

  FrechetDistance distance() {
    return distance;
  }

  /**
   * What was seen.
   *
   * @param features one row per picture
   * @param labels the most likely label of each
   */
  record Verdict(float[][] features, int[] labels) {}

  /** Looks at pictures as they are shown: cut to [-1, 1]. */
  Verdict look(Tensor pictures) {
    Tensor in = session.input(SAMPLE);
    for (long i = 0; i < in.elements(); i++) {
      in.setDouble(i, Math.clamp(pictures.getDouble(i), -1.0, 1.0));
    }
    session.run();
    float[][] logits = rows(session.output("logits"));
    int[] labels = new int[logits.length];
    for (int i = 0; i < labels.length; i++) {
      for (int k = 1; k < logits[i].length; k++) {
        labels[i] = logits[i][k] > logits[i][labels[i]] ? k : labels[i];
      }
    }
    return new Verdict(rows(session.output("features")), labels);
  }

  @Override
  public void close() {
    session.close();
    model.close();
  }
}
