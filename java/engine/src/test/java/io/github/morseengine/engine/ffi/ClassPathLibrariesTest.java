package io.github.morseengine.engine.ffi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Libraries out of jars that are laid out as org.bytedeco's. */
class ClassPathLibrariesTest {

  @TempDir Path work;

  private URLClassLoader jar(String... files) throws IOException {
    // A name of its own: JavaCPP's cache is by the jar's name and outlives the test.
    Path jar = work.resolve("cuda-" + System.nanoTime() + ".jar");
    try (JarOutputStream out = new JarOutputStream(Files.newOutputStream(jar))) {
      for (String name : files) {
        out.putNextEntry(new JarEntry("org/bytedeco/cuda/linux-x86_64/" + name));
        out.write(name.getBytes(java.nio.charset.StandardCharsets.UTF_8));
        out.closeEntry();
      }
    }
    return new URLClassLoader(new URL[] {jar.toUri().toURL()}, null);
  }

  private static void delete(Path file) throws IOException {
    Path folder = file.getParent();
    while (!folder.getFileName().toString().endsWith(".jar")) {
      folder = folder.getParent();
    }
    try (var all = Files.walk(folder)) {
      for (Path p : all.sorted(java.util.Comparator.reverseOrder()).toList()) {
        Files.delete(p);
      }
    }
  }

  @Test
  void whatALibraryOpensLiesBesideIt() throws IOException {
    try (URLClassLoader loader =
        jar("libcudnn.so.9", "libcudnn_graph.so.9", "libcudnn_ops.so.9", "libcublasLt.so.12")) {
      List<Path> found = ClassPathLibraries.find(loader, "linux-x86_64", CudaLibrary.CUDNN);
      assertEquals(1, found.size());
      assertEquals("libcudnn.so.9", Files.readString(found.get(0)));
      assertTrue(Files.exists(found.get(0).resolveSibling("libcudnn_graph.so.9")));
      assertTrue(Files.exists(found.get(0).resolveSibling("libcudnn_ops.so.9")));
      delete(found.get(0));
    }
  }

  @Test
  void theCompilerWithItsBuiltIns() throws IOException {
    try (URLClassLoader loader = jar("libnvrtc.so.12", "libnvrtc-builtins.so.12.6")) {
      List<Path> found = ClassPathLibraries.find(loader, "linux-x86_64", CudaLibrary.NVRTC);
      assertEquals("libnvrtc.so.12", Files.readString(found.get(0)));
      assertTrue(Files.exists(found.get(0).resolveSibling("libnvrtc-builtins.so.12.6")));
      delete(found.get(0));
    }
  }

  @Test
  void aJarOfAnotherPlatformHasNone() throws IOException {
    try (URLClassLoader loader = jar("libnvrtc.so.12")) {
      assertEquals(List.of(), ClassPathLibraries.find(loader, "linux-arm64", CudaLibrary.NVRTC));
      assertEquals(List.of(), ClassPathLibraries.find(loader, "linux-x86_64", CudaLibrary.DRIVER));
    }
  }
}
