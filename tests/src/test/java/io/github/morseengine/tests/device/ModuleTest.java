package io.github.morseengine.tests.device;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.device.DiskCache;
import io.github.morseengine.engine.device.cuda.CudaDevice;
import io.github.morseengine.engine.device.cuda.CudaModule;
import io.github.morseengine.engine.error.NativeLibraryException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Modules on the simulated device: what is compiled, kept and refused. */
class ModuleTest extends OnDevice {

  @Test
  void theSameSourceIsTheSameModule() {
    CudaModule module = module();
    assertSame(module, module());
    assertSame(module.kernel("scale"), module.kernel("scale"));
    assertNotSame(
        module, device.module("scale.cu", SCALE, HEADERS, List.of("-DUNUSED")), "other options");
  }

  @Test
  void aDamagedImageIsMadeAgain() throws IOException {
    String source =
        SCALE + "// " + System.nanoTime() + ", so that no earlier run has compiled it\n";
    Path images = Path.of(System.getProperty("morse.cache"), "cubins");
    Set<Path> before = files(images);
    device.module("damaged.cu", source, HEADERS, List.of()).kernel("twice");
    Set<Path> added = files(images);
    added.removeAll(before);
    Path entry = added.iterator().next();
    assertEquals(1, added.size());
    byte[] good = Files.readAllBytes(entry);
    byte[] cut = Arrays.copyOf(good, good.length - 1);
    byte[] flipped = good.clone();
    flipped[good.length / 2] ^= 1;
    for (byte[] bad : List.of(new byte[0], cut, flipped)) {
      Files.write(entry, bad);
      again(source);
      assertArrayEquals(good, Files.readAllBytes(entry));
    }
    // Sound, but no image of this device.
    new DiskCache(images).write(entry.getFileName().toString(), new byte[] {1, 2, 3});
    again(source);
    assertArrayEquals(good, Files.readAllBytes(entry));
    Files.delete(entry);
  }

  private void again(String source) {
    try (CudaDevice other = CudaDevice.open(0)) {
      other.module("damaged.cu", source, HEADERS, List.of()).kernel("twice");
    }
  }

  private static Set<Path> files(Path folder) throws IOException {
    if (!Files.isDirectory(folder)) {
      return new HashSet<>();
    }
    try (Stream<Path> all = Files.list(folder)) {
      return all.collect(Collectors.toCollection(HashSet::new));
    }
  }

  @Test
  void whatDoesNotCompileTellsOptionsAndLog() {
    NativeLibraryException e =
        assertThrows(
            NativeLibraryException.class,
            () ->
                device.module(
                    "wrong.cu",
                    "extern \"C\" __global__ void f() { nonsense; }",
                    Map.of(),
                    List.of("-DMORSE_T=1")));
    for (String part : List.of("wrong.cu", "-DMORSE_T=1", "=sm_90", "nonsense")) {
      assertTrue(e.getMessage().contains(part), e.getMessage());
    }
    assertTrue(e.getMessage().lines().count() == 1, "one line");
  }

  @Test
  void whatIsNotInAModuleIsNamed() {
    CudaModule module = module();
    NativeLibraryException e =
        assertThrows(NativeLibraryException.class, () -> module.kernel("absent"));
    assertTrue(e.getMessage().contains("cuModuleGetFunction(scale.cu, absent)"), e.getMessage());
    assertTrue(e.getMessage().contains("CUDA_ERROR_NOT_FOUND (500)"), e.getMessage());
  }
}
