package io.github.morseengine.engine.device;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DiskCacheTest {

  @TempDir Path folder;

  private static final String KEY = DiskCache.key(List.of("a", "b"));

  @Test
  void whatIsWrittenIsReadAgain() throws IOException {
    DiskCache cache = new DiskCache(folder.resolve("new"));
    assertNull(cache.read(KEY));
    for (byte[] content : List.of(new byte[0], new byte[] {1, 2, 3}, new byte[100_000])) {
      cache.write(KEY, content);
      assertArrayEquals(content, cache.read(KEY));
    }
    assertNull(cache.read(DiskCache.key(List.of("a"))));
    try (Stream<Path> files = Files.list(folder.resolve("new"))) {
      assertEquals(List.of(cache.file(KEY)), files.toList(), "nothing half-written is left");
    }
  }

  @Test
  void aDamagedEntryIsAbsent() throws IOException {
    DiskCache cache = new DiskCache(folder);
    cache.write(KEY, new byte[] {1, 2, 3, 4});
    byte[] good = Files.readAllBytes(cache.file(KEY));
    for (int i = 0; i < good.length; i++) {
      byte[] bad = good.clone();
      bad[i] ^= 0x40;
      Files.write(cache.file(KEY), bad);
      assertNull(cache.read(KEY), "byte " + i);
      Files.write(cache.file(KEY), java.util.Arrays.copyOf(good, i));
      assertNull(cache.read(KEY), "cut at " + i);
    }
    Files.write(cache.file(KEY), java.util.Arrays.copyOf(good, good.length + 1));
    assertNull(cache.read(KEY), "too long");
  }

  @Test
  void anEntryUnderAnothersNameIsAbsent() throws IOException {
    DiskCache cache = new DiskCache(folder);
    String other = DiskCache.key(List.of("other"));
    cache.write(KEY, new byte[] {1});
    Files.move(cache.file(KEY), cache.file(other));
    assertNull(cache.read(other));
  }

  @Test
  void aFolderThatCannotBeIsAnEmptyCache() throws IOException {
    Path file = Files.createFile(folder.resolve("file"));
    DiskCache cache = new DiskCache(file.resolve("below"));
    cache.write(KEY, new byte[] {1});
    assertNull(cache.read(KEY));
    DiskCache none = new DiskCache(null);
    none.write(KEY, new byte[] {1});
    assertNull(none.read(KEY));
  }

  @Test
  void keysTellPartsApart() {
    assertNotEquals(DiskCache.key(List.of("ab", "c")), DiskCache.key(List.of("a", "bc")));
    assertNotEquals(DiskCache.key(List.of("ab")), DiskCache.key(List.of("ab", "")));
    assertEquals(KEY, DiskCache.key(List.of("a", "b")));
  }
}
