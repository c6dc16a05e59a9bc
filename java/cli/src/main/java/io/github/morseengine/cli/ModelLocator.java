package io.github.morseengine.cli;

import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.morse.ModelDirectory;
import io.github.morseengine.engine.morse.latent.DiffusersFolder;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.CodeSource;
import java.util.List;
import java.util.stream.Stream;

/** Finds model directories: those that come with the project by name, others by path. */
final class ModelLocator {

  /** Drawn where no model is named. */
  static final String DEFAULT = "emoji32";

  private static final Path SHIPPED = Path.of("onnx-models", "shipped");

  private ModelLocator() {}

  /**
   * Finds a directory.
   *
   * @param name name or path; null for the default
   * @return an existing directory
   */
  static Path directory(String name) {
    Path shipped = shipped();
    String wanted = name == null ? DEFAULT : name;
    boolean simple = wanted.matches("[A-Za-z0-9_][A-Za-z0-9_.-]*");
    if (shipped != null && simple && Files.isDirectory(shipped.resolve(wanted))) {
      return shipped.resolve(wanted);
    }
    if (name != null && !name.isEmpty() && Files.exists(Path.of(name))) {
      return Path.of(name);
    }
    throw new InvalidInputException(
        "there is no model '"
            + wanted
            + "': give a folder that holds dash.onnx"
            + (names(shipped).isEmpty() ? "" : ", or one of " + String.join(", ", names(shipped))));
  }

  /**
   * Opens a model whose sample is the picture.
   *
   * @param name as {@link #directory} takes it
   * @param command what wants it, for the message
   * @throws InvalidInputException if its sample is a latent, which says nothing before it is
   *     decoded
   */
  static ModelDirectory pixels(String name, String command) {
    Path folder = directory(name);
    if (DiffusersFolder.isOne(folder)) {
      throw new InvalidInputException(
          "'"
              + folder
              + "' draws latents: morse "
              + command
              + " measures models that draw pixels; compare pictures of morse generate instead");
    }
    return ModelDirectory.open(folder);
  }

  private static List<String> names(Path shipped) {
    if (shipped == null) {
      return List.of();
    }
    try (Stream<Path> list = Files.list(shipped)) {
      return list.filter(Files::isDirectory).map(p -> p.getFileName().toString()).sorted().toList();
    } catch (IOException e) {
      return List.of();
    }
  }

  /** The folder of shipped models: told by the launcher, else above the jar; null if not found. */
  private static Path shipped() {
    String home = System.getProperty("morse.home");
    if (home != null) {
      Path folder = Path.of(home).resolve(SHIPPED);
      return Files.isDirectory(folder) ? folder : null;
    }
    CodeSource source = ModelLocator.class.getProtectionDomain().getCodeSource();
    try {
      Path at = source == null ? null : Path.of(source.getLocation().toURI());
      while (at != null) {
        if (Files.isDirectory(at.resolve(SHIPPED))) {
          return at.resolve(SHIPPED);
        }
        at = at.getParent();
      }
    } catch (URISyntaxException e) {
      return null;
    }
    return null;
  }
}
