package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.error.ModelFormatException;
import io.github.morseengine.engine.morse.json.Json;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * A folder with {@code dash.onnx}, optionally {@code dot.onnx}, their weights, {@code
 * scheduler_config.json} and optionally {@code labels.txt}; or, as diffusers lays it out, with
 * {@code unet/model.onnx}, {@code unet/dot.onnx} and {@code scheduler/scheduler_config.json}, or
 * the same with {@code transformer/}, whose labels are id2label of {@code model_index.json}.
 *
 * @param path the folder
 * @param dash the pre-trained model
 * @param dot the fast model, where there is one
 * @param scheduler how the model was trained
 * @param classes what it can be asked for by name
 */
public record ModelDirectory(
    Path path, Path dash, Optional<Path> dot, SchedulerConfig scheduler, Labels classes) {

  /** ImageNet's, which diffusers' DiTPipeline takes for granted. */
  private static final int USUAL_CLASSES = 1000;

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
    String part = Files.isDirectory(path.resolve("unet")) ? "unet" : "transformer";
    if (!Files.exists(dash) && Files.isDirectory(path.resolve(part))) {
      dash = path.resolve(part).resolve("model.onnx");
      scheduler = path.resolve("scheduler/scheduler_config.json");
    }
    if (!Files.exists(dash)) {
      throw new InvalidInputException(
          "'"
              + path
              + "' is not a model directory: it holds neither dash.onnx nor unet/model.onnx nor"
              + " transformer/model.onnx"
              + howToExport(path));
    }
    Path dot = dash.resolveSibling("dot.onnx");
    return new ModelDirectory(
        path,
        dash,
        Files.exists(dot) ? Optional.of(dot) : Optional.empty(),
        SchedulerConfig.read(scheduler),
        labels(path, dash));
  }

  private static Labels labels(Path path, Path dash) {
    Path index = path.resolve("model_index.json");
    boolean transformer = dash.startsWith(path.resolve("transformer"));
    if (!transformer || Files.exists(path.resolve("labels.txt"))) {
      return Labels.read(path.resolve("labels.txt"));
    }
    Object classes = Json.file(dash.resolveSibling("config.json")).get("num_embeds_ada_norm");
    Object given = Json.file(index).get("id2label");
    boolean none = given == null && classes == null;
    int count = classes instanceof Double d ? d.intValue() : USUAL_CLASSES;
    return none ? Labels.of(List.of()) : Labels.read(index, given, count);
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
      if (Files.exists(path.resolve("transformer").resolve(name))) {
        return ", but PyTorch's "
            + name
            + ": export it first, with python -m morse_models export --from "
            + path.getFileName()
            + " --out FOLDER";
      }
    }
    return "";
  }

  /** {@return the classifier of classifier guidance, classifier_grad.onnx, where there is one} */
  public Optional<Path> classifier() {
    Path file = path.resolve("classifier_grad.onnx");
    return Files.exists(file) ? Optional.of(file) : Optional.empty();
  }

  /** {@return names of the labels by index} */
  public List<String> labels() {
    return classes.names();
  }

  /** {@return the index of the null label} */
  public int nullLabel() {
    return classes.nullLabel();
  }

  /**
   * Finds a label.
   *
   * @param label a name or an index; null means the null label
   * @return its index
   * @throws InvalidInputException if there is no such label
   */
  public int label(String label) {
    return label == null ? nullLabel() : classes.find(label, path);
  }
}
