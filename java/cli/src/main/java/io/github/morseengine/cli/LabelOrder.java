package io.github.morseengine.cli;

import io.github.morseengine.engine.error.ModelFormatException;
import io.github.morseengine.engine.morse.ModelDirectory;
import io.github.morseengine.engine.tensor.Npy;
import io.github.morseengine.engine.tensor.Tensor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Which label each picture of an evaluation is drawn for. Where evaluation/data_labels.npy has the
 * labels of the data, int64 [pictures], they come as often as there: a distance to the data would
 * otherwise count how the labels were dealt. Without that file they come in turn. Immutable.
 */
final class LabelOrder {

  static final String FILE = "data_labels.npy";

  /** Multiples of the golden ratio fill [0, 1) evenly, however many are taken. */
  private static final double GOLDEN = (Math.sqrt(5) - 1) / 2;

  private final List<String> names;
  private final int[] data;

  private LabelOrder(List<String> names, int[] data) {
    this.names = List.copyOf(names);
    this.data = data;
  }

  /**
   * @param directory a model with labels
   * @throws ModelFormatException if the file holds anything but labels of the model
   */
  static LabelOrder of(ModelDirectory directory) {
    List<String> names = directory.labels();
    Path file = directory.path().resolve("evaluation").resolve(FILE);
    if (!Files.exists(file)) {
      return new LabelOrder(names, new int[0]);
    }
    Tensor held = Npy.read(file);
    int[] data = new int[Math.toIntExact(held.elements())];
    for (int i = 0; i < data.length; i++) {
      double label = held.getDouble(i);
      if (!(label >= 0 && label < names.size() && label == Math.rint(label))) {
        throw new ModelFormatException(
            file + " holds " + label + ", expected labels 0 to " + (names.size() - 1));
      }
      data[i] = (int) label;
    }
    Arrays.sort(data);
    return new LabelOrder(names, data);
  }

  /** {@return the label of a picture, counted from the first of the evaluation} */
  int label(int picture) {
    if (data.length == 0) {
      return picture % names.size();
    }
    double place = (picture + 0.5) * GOLDEN;
    return data[(int) ((place - Math.floor(place)) * data.length)];
  }

  /** {@return the names of the labels of some pictures that follow each other} */
  List<String> names(int first, int count) {
    List<String> out = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      out.add(names.get(label(first + i)));
    }
    return out;
  }
}
