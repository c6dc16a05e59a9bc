package io.github.morseengine.engine.ffi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The folders that are looked at, in a file system of the test's own. */
class CudaSearchTest {

  @TempDir Path root;

  private final Map<String, String> environment = new HashMap<>();
  private final Map<String, String> properties = new HashMap<>();

  private CudaSearch search() {
    return new CudaSearch(environment::get, properties::get, root);
  }

  private Path folder(String name) throws IOException {
    return Files.createDirectories(root.resolve(name));
  }

  @Test
  void nothingIsNamedByDefault() {
    assertEquals(List.of(), search().named().folders());
    assertEquals("MORSE_CUDA_PATH (not set)", search().named().name());
    assertFalse(search().onlyChosen());
  }

  @Test
  void theUsersFoldersWithWhatLiesInThem() throws IOException {
    Path wheel = folder("venv/nvidia/cudnn/lib");
    environment.put("MORSE_CUDA_PATH", "sim:venv/nvidia");
    List<Path> folders = search().named().folders();
    assertEquals(root.resolve("sim"), folders.get(0));
    assertTrue(folders.contains(root.resolve("sim/lib64")), folders.toString());
    assertTrue(folders.contains(wheel), folders.toString());
    assertEquals("MORSE_CUDA_PATH=sim:venv/nvidia", search().named().name());
  }

  @Test
  void thePropertyWinsOverTheVariable() {
    environment.put("MORSE_CUDA_PATH", "variable");
    properties.put("morse.cuda.path", "property");
    assertEquals(root.resolve("property"), search().named().folders().get(0));
    assertFalse(search().named().folders().contains(root.resolve("variable")));
  }

  @Test
  void onlyTheNamedFolders() {
    properties.put("morse.cuda.only", "true");
    assertFalse(search().onlyChosen(), "nothing is named");
    environment.put("MORSE_CUDA_PATH", "somewhere");
    assertTrue(search().onlyChosen());
  }

  @Test
  void newerToolkitsComeFirst() throws IOException {
    folder("usr/local/cuda-12.9");
    folder("usr/local/cuda-12.10");
    folder("usr/local/cuda-13.0");
    environment.put("CUDA_HOME", "opt/mine");
    List<Path> folders = search().system().folders();
    List<String> order =
        List.of(
            "opt/mine/lib64",
            "usr/local/cuda/lib64",
            "usr/local/cuda-13.0/lib64",
            "usr/local/cuda-12.10/lib64",
            "usr/local/cuda-12.9/lib64",
            "usr/lib/x86_64-linux-gnu");
    int last = -1;
    for (String name : order) {
      int at = folders.indexOf(root.resolve(name));
      assertTrue(at > last, name + " in " + folders);
      last = at;
    }
  }

  @Test
  void packagesOfAVirtualEnvironment() throws IOException {
    Path thirteen = folder("env/lib/python3.12/site-packages/nvidia/cu13/lib");
    Path cudnn = folder("env/lib/python3.12/site-packages/nvidia/cudnn/lib");
    folder("env/lib/python3.12/site-packages/nvidia/nolibraries");
    environment.put("VIRTUAL_ENV", "env");
    List<Path> folders = search().python().folders();
    assertEquals(List.of(cudnn, thirteen), folders.stream().sorted().toList().reversed());
  }

  @Test
  void packagesOfThePythonOnThePath() throws IOException {
    Path packages = folder("env/lib/python3.11/site-packages/nvidia/cuda_nvrtc/lib");
    Path systemPackages = folder("usr/lib/python3.11/dist-packages/nvidia/cublas/lib");
    Path real = Files.createFile(folder("usr/bin").resolve("python3.11"));
    assertTrue(real.toFile().setExecutable(true));
    Files.createSymbolicLink(folder("env/bin").resolve("python3"), real);
    environment.put("PATH", "missing:env/bin:usr/bin");
    List<Path> folders = search().python().folders();
    assertEquals(packages, folders.get(0), "beside the link");
    assertTrue(folders.stream().anyMatch(f -> sameFile(f, systemPackages)), "where the link leads");
  }

  private static boolean sameFile(Path a, Path b) {
    try {
      return Files.isSameFile(a, b);
    } catch (IOException e) {
      return false;
    }
  }

  @Test
  void withoutPythonThereAreNoPackages() {
    environment.put("PATH", "usr/bin");
    assertEquals(List.of(), search().python().folders());
  }
}
