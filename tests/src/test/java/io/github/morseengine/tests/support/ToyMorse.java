package io.github.morseengine.tests.support;

import io.github.morseengine.engine.tensor.DType;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** A model directory of a few kilobytes: Dash is two convolutions, Dot uses one of them too. */
public final class ToyMorse {

  private static final int CHANNELS = 3;
  private static final int WIDTH = 8;

  private ToyMorse() {}

  /**
   * Writes a whole model directory.
   *
   * @param folder where to
   * @return the folder
   */
  public static Path write(Path folder) {
    dash().write(folder.resolve("dash.onnx"));
    dot("dash_sample").write(folder.resolve("dot.onnx"));
    text(folder.resolve("scheduler_config.json"), "{\"num_train_timesteps\": 100}");
    text(folder.resolve("labels.txt"), "animals\nfood\n");
    return folder;
  }

  /**
   * Writes text.
   *
   * @param file where to
   * @param content the text
   */
  public static void text(Path file, String content) {
    try {
      Files.writeString(file, content);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Reads text.
   *
   * @param file what to read
   * @return its content
   */
  public static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** {@return Dash} */
  public static ModelBuilder dash() {
    ModelBuilder b =
        new ModelBuilder()
            .input("sample", DType.FLOAT32, -1, CHANNELS, 8, 8)
            .input("timestep", DType.INT64, -1)
            .input("class_labels", DType.INT64, -1)
            .output("out_sample", -1, CHANNELS, 8, 8)
            .floats("w1", scaled(1, WIDTH * CHANNELS * 9), WIDTH, CHANNELS, 3, 3)
            .floats("w2", scaled(2, WIDTH * CHANNELS * 9), CHANNELS, WIDTH, 3, 3)
            .floats("w3", scaled(3, 3 * CHANNELS), 3, CHANNELS);
    labels(b);
    same(b.node("Conv", "a", "sample", "w1"));
    b.node("Sigmoid", "s", "a");
    b.node("Mul", "m", "a", "s");
    same(b.node("Conv", "c", "m", "w2"));
    b.node("Add", "out_sample", "c", "label");
    return b;
  }

  /**
   * Dot.
   *
   * @param observation name of its second sample input
   * @return the model
   */
  public static ModelBuilder dot(String observation) {
    ModelBuilder b =
        new ModelBuilder()
            .input("sample", DType.FLOAT32, -1, CHANNELS, 8, 8)
            .input("timestep", DType.INT64, -1)
            .input(observation, DType.FLOAT32, -1, CHANNELS, 8, 8)
            .output("residual", -1, CHANNELS, 8, 8)
            .floats("trunk", scaled(1, WIDTH * CHANNELS * 9), WIDTH, CHANNELS, 3, 3)
            .floats("own", scaled(4, WIDTH * CHANNELS), CHANNELS, WIDTH, 1, 1);
    b.node("Sub", "d", "sample", observation);
    same(b.node("Conv", "t", "d", "trunk"));
    b.node("Conv", "residual", "t", "own");
    return b;
  }

  private static void labels(ModelBuilder b) {
    b.longs("axes", 2, 3);
    b.node("Gather", "g", "w3", "class_labels");
    b.node("Unsqueeze", "label", "g", "axes");
  }

  private static void same(io.github.morseengine.onnx.Onnx.NodeProto.Builder conv) {
    conv.addAttribute(ModelBuilder.ints("pads", 1, 1, 1, 1));
  }

  private static float[] scaled(long seed, int count) {
    float[] out = ModelBuilder.random(seed, count);
    for (int i = 0; i < count; i++) {
      out[i] *= 0.2f;
    }
    return out;
  }
}
