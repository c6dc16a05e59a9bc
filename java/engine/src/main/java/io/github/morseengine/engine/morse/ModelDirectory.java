package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.error.ModelFormatException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * A folder with {@code dash.onnx}, optionally {@code dot.onnx}, their weights, {@code
 * scheduler_config.json} and optionally {@code labels.txt}; or, as diffusers lays it out, with
 * {@code unet/model.onnx}, {@code unet/dot.onnx} and {@code scheduler/scheduler_config.json}.
 *
 * @param path the folder
 * @param dash the pre-trained model
 * @param dot the fast model, where there is one
 * @param scheduler how the model was trained
 * @param labels names of the labels, one per line of labels.txt; the null label comes after them
 */
public record ModelDirectory(
    Path path, Path dash, Optional<Path> dot, SchedulerConfig scheduler, List<String> labels) {

  /** Copies the labels. */
  public ModelDirectory {
    labels = List.copyOf(labels);
  }

  /**
   * Looks at a folder; the models are not read yet.
   *
   * @param path the folder
   * @return what is in it
   * @throws InvalidInputException if it is not a model directory
   * @throws ModelFormatException if a file in it is not what it should be
   */
  public static ModelDirectory open(Path path) {
    if (!Files.isDirectory(path)) {
      throw new InvalidInputException(
          Files.exists(path)
              ? "'" + path + "' is not a folder: give the folder that holds dash.onnx"
              : "there is no model folder '" + path + "'");
    }
    Path dash = path.resolve("dash.onnx");
    Path scheduler = path.resolve("scheduler_config.json");
    if (!Files.exists(dash) && Files.isDirectory(path.resolve("unet"))) {
      dash = path.resolve("unet/model.onnx");
      scheduler = path.resolve("scheduler/scheduler_config.json");
    }
    if (!Files.exists(dash)) {
      throw new InvalidInputException(
          "'"
              + path
              + "' is not a model directory: it holds neither dash.onnx nor unet/model.onnx"
              + howToExport(path));
    }
    Path dot = dash.resolveSibling("dot.onnx");
    return new ModelDirectory(
        path,
        dash,
        Files.exists(dot) ? Optional.of(dot) : Optional.empty(),
        SchedulerConfig.read(scheduler),
        labels(path.resolve("labels.txt")));
  }

  /** Weights of PyTorch lie there: the user has the model, but not as ONNX. */
  private static String howToExport(Path path) {
    for (String name :
        List.of("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin")) {
      if (Files.exists(path.resolve("unet").resolve(name)) || Files.exists(path.resolve(name))) {
        return ", but PyTorch's "
            + name
            + ": export it first, e.g. with optimum-cli export onnx --model "
            + path.getFileName()
            + " FOLDER";
      }
    }
    return "";
  }

  private static List<String> labels(Path file) {
    if (!Files.exists(file)) {
      return List.of();
    }
    try {
      return Files.readAllLines(file).stream()
          .map(String::strip)
          .filter(s -> !s.isEmpty())
          .toList();
    } catch (IOException e) {
      throw new ModelFormatException(
          "cannot read '" + file + "' as UTF-8 text: " + e.getMessage(), e);
    }
  }

  /** {@return the classifier of classifier guidance, classifier_grad.onnx, where there is one} */
  public Optional<Path> classifier() {
    Path file = path.resolve("classifier_grad.onnx");
    return Files.exists(file) ? Optional.of(file) : Optional.empty();
  }

  /** {@return the index of the null label} */
  public int nullLabel() {
    return labels.size();
  }

  /**
   * Finds a label.
   *
   * @param label a name, case ignored, or an index; null means the null label
   * @return its index
   * @throws InvalidInputException if there is no such label
   */
  public int label(String label) {
    if (label == null) {
      return nullLabel();
    }
    for (int i = 0; i < labels.size(); i++) {
      if (labels.get(i).equalsIgnoreCase(label.strip())) {
        return i;
      }
    }
    if (label.strip().matches("[0-9]{1,9}")
        && Integer.parseInt(label.strip()) <= labels.size()
        && !labels.isEmpty()) {
      return Integer.parseInt(label.strip());
    }
    throw new InvalidInputException(
        labels.isEmpty()
            ? "the model '" + path + "' has no labels: leave the label out"
            : "unknown label '"
                + label
                + "': use one of "
                + String.join(", ", labels)
                + " or 0 to "
                + (labels.size() - 1));
  }
}
