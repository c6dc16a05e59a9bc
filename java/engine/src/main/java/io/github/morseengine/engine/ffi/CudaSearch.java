package io.github.morseengine.engine.ffi;

import java.io.File;
import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.UnaryOperator;

/**
 * Where CUDA's libraries may lie, in the order in which they are tried: the folders that the user
 * names, the class path, the system, the active Python's packages. Looks only at the file system
 * that it is given; opens nothing.
 */
final class CudaSearch {

  /** System property with folders of CUDA libraries that are tried before all others. */
  static final String PATH_PROPERTY = "morse.cuda.path";

  /** Environment variable of the same meaning; the property wins. */
  static final String PATH_VARIABLE = "MORSE_CUDA_PATH";

  /** System property: {@code true} looks nowhere but in the folders of {@link #PATH_PROPERTY}. */
  static final String ONLY_PROPERTY = "morse.cuda.only";

  /** A place to look at, in the words of a message. */
  record Place(String name, List<Path> folders) {}

  private final UnaryOperator<String> environment;
  private final UnaryOperator<String> properties;
  private final Path root;

  /**
   * Creates a search.
   *
   * @param environment value of an environment variable, or null
   * @param properties value of a system property, or null
   * @param root the file system's root; another folder in tests
   */
  CudaSearch(UnaryOperator<String> environment, UnaryOperator<String> properties, Path root) {
    this.environment = environment;
    this.properties = properties;
    this.root = root;
  }

  /** {@return the search of this process} */
  static CudaSearch ofProcess() {
    return new CudaSearch(System::getenv, System::getProperty, Path.of("/"));
  }

  /** {@return what the user named, by property or variable; null if nothing} */
  private String chosen() {
    String property = properties.apply(PATH_PROPERTY);
    return blank(property) ? environment.apply(PATH_VARIABLE) : property;
  }

  /** {@return whether nothing but the user's folders counts} */
  boolean onlyChosen() {
    return !blank(chosen()) && Boolean.parseBoolean(properties.apply(ONLY_PROPERTY));
  }

  /** {@return the folders that the user named} */
  Place named() {
    String chosen = chosen();
    if (blank(chosen)) {
      return new Place(PATH_VARIABLE + " (not set)", List.of());
    }
    Set<Path> folders = new LinkedHashSet<>();
    for (String part : chosen.split(File.pathSeparator)) {
      if (!part.isBlank()) {
        Path folder = root.resolve(part.strip());
        folders.add(folder);
        folders.add(folder.resolve("lib64"));
        folders.add(folder.resolve("lib"));
        folders.addAll(wheels(folder));
      }
    }
    String by = blank(properties.apply(PATH_PROPERTY)) ? PATH_VARIABLE : "-D" + PATH_PROPERTY;
    return new Place(by + "=" + chosen, List.copyOf(folders));
  }

  /** {@return the folders of the system's CUDA and driver} */
  Place system() {
    Set<Path> folders = new LinkedHashSet<>();
    for (String variable : List.of("CUDA_HOME", "CUDA_PATH")) {
      String home = environment.apply(variable);
      if (!blank(home)) {
        addToolkit(folders, root.resolve(home));
      }
    }
    addToolkit(folders, root.resolve("usr/local/cuda"));
    for (Path toolkit : newestFirst(root.resolve("usr/local"), "cuda-*")) {
      addToolkit(folders, toolkit);
    }
    addToolkit(folders, root.resolve("opt/cuda"));
    for (String folder :
        List.of(
            "usr/lib/x86_64-linux-gnu",
            "usr/lib/aarch64-linux-gnu",
            "usr/lib64",
            "usr/lib",
            "usr/lib/wsl/lib",
            "run/opengl-driver/lib",
            "usr/local/nvidia/lib64")) {
      folders.add(root.resolve(folder));
    }
    return new Place(
        "the system's library path, /usr/local/cuda*/lib64, /usr/lib/*", List.copyOf(folders));
  }

  private static void addToolkit(Set<Path> folders, Path toolkit) {
    folders.add(toolkit.resolve("lib64"));
    folders.add(toolkit.resolve("targets/x86_64-linux/lib"));
    folders.add(toolkit.resolve("targets/sbsa-linux/lib"));
    folders.add(toolkit.resolve("lib"));
  }

  /** {@return the folders of NVIDIA's packages in the active Python} */
  Place python() {
    Set<Path> prefixes = new LinkedHashSet<>();
    for (String variable : List.of("VIRTUAL_ENV", "CONDA_PREFIX")) {
      String home = environment.apply(variable);
      if (!blank(home)) {
        prefixes.add(root.resolve(home));
      }
    }
    Path python = onPath("python3");
    if (python != null) {
      // A virtual environment's interpreter is a link: its packages lie beside the link.
      prefixes.add(python.getParent().getParent());
      try {
        prefixes.add(python.toRealPath().getParent().getParent());
      } catch (IOException e) {
        // The link leads nowhere: nothing to add.
      }
      prefixes.add(root.resolve("usr/local"));
    }
    String home = environment.apply("HOME");
    if (python != null && !blank(home)) {
      prefixes.add(root.resolve(home).resolve(".local"));
    }
    Set<Path> folders = new LinkedHashSet<>();
    for (Path prefix : prefixes) {
      for (Path version : newestFirst(prefix.resolve("lib"), "python3*")) {
        folders.addAll(wheels(version.resolve("site-packages/nvidia")));
        folders.addAll(wheels(version.resolve("dist-packages/nvidia")));
      }
    }
    return new Place("nvidia/*/lib of the active Python", List.copyOf(folders));
  }

  /** {@return nvidia/NAME/lib of each package, the newest CUDA's common folder first} */
  private static List<Path> wheels(Path nvidia) {
    return newestFirst(nvidia, "*").stream()
        .map(p -> p.resolve("lib"))
        .filter(Files::isDirectory)
        .toList();
  }

  private Path onPath(String command) {
    String path = environment.apply("PATH");
    if (blank(path)) {
      return null;
    }
    for (String folder : path.split(File.pathSeparator)) {
      Path file = root.resolve(folder).resolve(command);
      if (!folder.isBlank() && file.getNameCount() > 2 && Files.isExecutable(file)) {
        return file;
      }
    }
    return null;
  }

  /** {@return the sub-folders that match, names with larger numbers first} */
  private static List<Path> newestFirst(Path folder, String glob) {
    List<Path> out = new ArrayList<>();
    if (Files.isDirectory(folder)) {
      try (DirectoryStream<Path> entries = Files.newDirectoryStream(folder, glob)) {
        for (Path entry : entries) {
          if (Files.isDirectory(entry)) {
            out.add(entry);
          }
        }
      } catch (IOException | DirectoryIteratorException e) {
        return List.of();
      }
    }
    out.sort(Comparator.comparing((Path p) -> sortKey(p.getFileName().toString())).reversed());
    return out;
  }

  /** {@return the name with its numbers padded, so that 12.10 follows 12.9} */
  private static String sortKey(String name) {
    StringBuilder key = new StringBuilder();
    int i = 0;
    while (i < name.length()) {
      int end = i;
      while (end < name.length() && Character.isDigit(name.charAt(end))) {
        end++;
      }
      if (end == i) {
        key.append(name.charAt(i++));
      } else {
        key.append("0".repeat(Math.max(0, 8 - (end - i)))).append(name, i, end);
        i = end;
      }
    }
    return key.toString();
  }

  private static boolean blank(String s) {
    return s == null || s.isBlank();
  }
}
