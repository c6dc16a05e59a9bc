package io.github.morseengine.engine.ffi;

import io.github.morseengine.engine.error.NativeLibraryException;
import java.io.File;
import java.io.IOException;
import java.net.URL;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.Loader;

/**
 * CUDA's libraries out of the jars of org.bytedeco:cuda with a "-redist" classifier, and of
 * org.bytedeco:cuda-redist. They are extracted into JavaCPP's cache, with what they open themselves
 * beside them.
 */
final class ClassPathLibraries {

  private static final String FOLDER = "org/bytedeco/cuda/";

  /** What cuDNN opens by name from its own folder. */
  private static final List<String> CUDNN_PARTS =
      List.of(
          "libcudnn_graph.so.9",
          "libcudnn_ops.so.9",
          "libcudnn_cnn.so.9",
          "libcudnn_adv.so.9",
          "libcudnn_heuristic.so.9",
          "libcudnn_engines_precompiled.so.9",
          "libcudnn_engines_runtime_compiled.so.9",
          "libcudnn_engines_tensor_ir.so.9",
          "libcudnn_ext.so.9");

  private ClassPathLibraries() {}

  /**
   * Extracts a library.
   *
   * @param loader whose class path counts
   * @param platform JavaCPP's name of the platform
   * @param library which one
   * @return the files found, the preferred one first
   */
  static List<Path> find(ClassLoader loader, String platform, CudaLibrary library) {
    List<Path> out = new ArrayList<>();
    for (String name : library.files()) {
      URL url = loader.getResource(FOLDER + platform + "/" + name);
      if (url != null) {
        for (String part : parts(library, name)) {
          URL beside = loader.getResource(FOLDER + platform + "/" + part);
          if (beside != null) {
            extract(beside);
          }
        }
        out.add(extract(url).toPath());
      }
    }
    return out;
  }

  private static List<String> parts(CudaLibrary library, String name) {
    if (library == CudaLibrary.CUDNN) {
      return CUDNN_PARTS;
    }
    List<String> out = new ArrayList<>();
    if (library == CudaLibrary.NVRTC) {
      // Named after the minor version, which the jar alone knows.
      String major = name.substring(name.lastIndexOf('.') + 1);
      for (int minor = 0; minor < 10; minor++) {
        out.add("libnvrtc-builtins.so." + major + "." + minor);
      }
    }
    return out;
  }

  private static File extract(URL url) {
    try {
      return Loader.cacheResource(url);
    } catch (IOException e) {
      throw new NativeLibraryException(
          "cannot extract " + url + " into JavaCPP's cache: " + e.getMessage(), e);
    }
  }
}
