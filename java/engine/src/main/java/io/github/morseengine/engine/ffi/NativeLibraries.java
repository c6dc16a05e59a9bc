package io.github.morseengine.engine.ffi;

import io.github.morseengine.engine.error.NativeLibraryException;
import java.io.File;
import java.io.IOException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import org.bytedeco.javacpp.Loader;

/**
 * Finds and opens the native libraries, once per process. Safe for use by several threads.
 *
 * <p>oneDNN comes from the class path (org.bytedeco:dnnl, extracted into JavaCPP's cache) or, where
 * the property {@code morse.onednn.path} names a folder or file, from there.
 */
public final class NativeLibraries {

  /** System property that names a folder with a system oneDNN, or the library itself. */
  public static final String ONEDNN_PATH = "morse.onednn.path";

  /**
   * An opened library.
   *
   * @param name short name
   * @param path the file
   */
  public record Library(String name, String path) {}

  /**
   * How often an idle thread of libgomp looks for work before it sleeps. Enough for the time
   * between two of our kernels; the default is a hundred times as much, which on a machine that
   * also does something else makes a run ten times slower, because the spinning threads keep the
   * working ones from their processors.
   */
  private static final String SPIN_COUNT = "3000";

  private static Library oneDnn;

  private NativeLibraries() {}

  /**
   * Opens oneDNN and the OpenMP runtime that it needs.
   *
   * @return what was opened
   * @throws NativeLibraryException if it is not there or cannot be opened, with what to do
   */
  public static synchronized Library oneDnn() {
    if (oneDnn == null) {
      try {
        String chosen = System.getProperty(ONEDNN_PATH);
        Path file = chosen == null ? fromClassPath() : fromPath(Path.of(chosen));
        open(file);
        oneDnn = new Library("oneDNN", file.toString());
      } catch (IllegalCallerException e) {
        throw accessDenied(e);
      }
    }
    return oneDnn;
  }

  /** {@return the failure that names the flag which grants native access} */
  static NativeLibraryException accessDenied(IllegalCallerException cause) {
    Module module = NativeLibraries.class.getModule();
    String names =
        module.isNamed()
            ? "io.github.morseengine.engine,io.github.morseengine.bindings,org.bytedeco.javacpp"
            : "ALL-UNNAMED";
    return new NativeLibraryException(
        "native access is denied: start Java with --enable-native-access=" + names, cause);
  }

  private static Path fromPath(Path chosen) {
    Path file = Files.isDirectory(chosen) ? chosen.resolve(fileName()) : chosen;
    if (!Files.isRegularFile(file)) {
      throw new NativeLibraryException(
          "no oneDNN at '" + file + "': check the property " + ONEDNN_PATH);
    }
    return file.toAbsolutePath();
  }

  private static Path fromClassPath() {
    String platform = platform();
    String base = "/org/bytedeco/dnnl/" + platform + "/";
    File library = extract(base + fileName());
    if (library == null) {
      throw new NativeLibraryException(
          "oneDNN is not on the class path: add org.bytedeco:dnnl with the classifier "
              + platform
              + ", or name a system libdnnl with -D"
              + ONEDNN_PATH
              + "=FOLDER");
    }
    File runtime = extract(base + "libgomp.so.1");
    if (runtime != null) {
      if (System.getenv("OMP_WAIT_POLICY") == null) {
        Environment.setDefault("GOMP_SPINCOUNT", SPIN_COUNT);
      }
      open(runtime.toPath());
    }
    return library.toPath();
  }

  private static File extract(String resource) {
    URL url = Loader.class.getResource(resource);
    if (url == null) {
      url = ClassLoader.getSystemResource(resource.substring(1));
    }
    if (url == null) {
      return null;
    }
    try {
      return Loader.cacheResource(url);
    } catch (IOException e) {
      throw new NativeLibraryException(
          "cannot extract " + resource + " into JavaCPP's cache: " + e.getMessage(), e);
    }
  }

  /** Opens a library for the whole process, where the bindings' look-up finds its symbols. */
  static void open(Path file) {
    try {
      System.load(file.toAbsolutePath().toString());
    } catch (UnsatisfiedLinkError e) {
      throw new NativeLibraryException("cannot open '" + file + "': " + e.getMessage(), e);
    }
  }

  private static String fileName() {
    String platform = platform();
    return platform.startsWith("windows")
        ? "dnnl.dll"
        : platform.startsWith("macosx") ? "libdnnl.3.dylib" : "libdnnl.so.3";
  }

  /** {@return JavaCPP's name of this platform} */
  static String platform() {
    String os = System.getProperty("os.name").toLowerCase(Locale.ROOT);
    String arch = System.getProperty("os.arch");
    String cpu = arch.equals("amd64") ? "x86_64" : arch.equals("aarch64") ? "arm64" : arch;
    return (os.startsWith("win") ? "windows" : os.startsWith("mac") ? "macosx" : "linux")
        + "-"
        + cpu;
  }
}
