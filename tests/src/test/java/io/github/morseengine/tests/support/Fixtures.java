package io.github.morseengine.tests.support;

import io.github.morseengine.engine.tensor.Npy;
import io.github.morseengine.engine.tensor.Tensor;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;

/** Files that the scripts under tests/fixtures made. */
public final class Fixtures {

  private Fixtures() {}

  /**
   * Unpacks an archive of the test resources.
   *
   * @param resource its name
   * @param folder where to
   * @return the folder
   */
  public static Path unpack(String resource, Path folder) {
    try (InputStream raw = Fixtures.class.getResourceAsStream("/" + resource)) {
      if (raw == null) {
        throw new IllegalStateException("the test resource " + resource + " is missing");
      }
      ZipInputStream zip = new ZipInputStream(raw);
      for (ZipEntry e = zip.getNextEntry(); e != null; e = zip.getNextEntry()) {
        if (!e.isDirectory()) {
          Path file = folder.resolve(e.getName());
          Files.createDirectories(file.getParent());
          Files.write(file, zip.readAllBytes());
        }
      }
      return folder;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Reads all arrays of a folder.
   *
   * @param folder holds NAME.npy files; may be absent
   * @return the arrays by name
   */
  public static Map<String, Tensor> arrays(Path folder) {
    Map<String, Tensor> out = new TreeMap<>();
    for (Path file : list(folder)) {
      String name = file.getFileName().toString();
      out.put(name.substring(0, name.length() - ".npy".length()), Npy.read(file));
    }
    return out;
  }

  /**
   * Lists a folder.
   *
   * @param folder may be absent
   * @return its entries, sorted
   */
  public static List<Path> list(Path folder) {
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    try (Stream<Path> files = Files.list(folder)) {
      return files.sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Reads a properties file.
   *
   * @param file the file
   * @return its entries
   */
  public static Properties properties(Path file) {
    Properties out = new Properties();
    try (InputStream in = Files.newInputStream(file)) {
      out.load(in);
      return out;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * A shipped model.
   *
   * @param name of the model
   * @return its directory
   */
  public static Path shipped(String name) {
    return repository().resolve("onnx-models/shipped").resolve(name);
  }

  /**
   * What PyTorch computed with a shipped model.
   *
   * @param model its name
   * @return the folder, one below it per batch or run
   */
  public static Path golden(String model) {
    return repository().resolve("tests/src/test/resources/golden").resolve(model);
  }

  /** {@return the root of the repository} */
  public static Path repository() {
    String root = System.getProperty("morse.repository");
    return Path.of(root == null ? ".." : root).toAbsolutePath().normalize();
  }
}
