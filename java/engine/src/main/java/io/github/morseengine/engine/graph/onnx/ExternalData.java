package io.github.morseengine.engine.graph.onnx;

import io.github.morseengine.engine.error.ModelFormatException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.Map;

/**
 * Files beside a model that hold its weights, memory-mapped once each and confined to the model's
 * folder. For use by one thread.
 *
 * <p>A location is refused before anything is opened if its text could leave the folder; after
 * links are resolved the file must lie under the folder of the model or under the real folder of
 * the model file itself (how hub caches are laid out).
 */
final class ExternalData {

  private final String model;
  private final Path folder;
  private final Path realFolder;
  private final Arena arena;
  private final Map<String, MemorySegment> mapped = new HashMap<>();

  /**
   * Prepares look-ups.
   *
   * @param model name for messages
   * @param folder folder of the model as given; null for a model without one
   * @param realFolder folder of the model file after links are resolved; null likewise
   * @param arena owner of the mappings
   */
  ExternalData(String model, Path folder, Path realFolder, Arena arena) {
    this.model = model;
    this.folder = folder;
    this.realFolder = realFolder;
    this.arena = arena;
  }

  /**
   * Finds the bytes of one tensor.
   *
   * @param tensor its name
   * @param entries the external-data entries
   * @param bytes the size that type and dimensions demand
   * @return exactly {@code bytes} bytes of the mapped file
   */
  MemorySegment slice(String tensor, Map<String, String> entries, long bytes) {
    String location = entries.get("location");
    checkLocation(tensor, location);
    long offset = number(tensor, entries, "offset", 0);
    long length = number(tensor, entries, "length", bytes);
    if (length != bytes) {
      throw fail(
          tensor, "length " + length + " does not fit its type and shape, which need " + bytes);
    }
    MemorySegment file = map(tensor, location);
    long size = file.byteSize();
    if (length > size || offset > size - length) {
      throw fail(
          tensor,
          "needs bytes "
              + offset
              + " to "
              + offset
              + "+"
              + length
              + " of '"
              + location
              + "', which has only "
              + size
              + ": the file is cut or only partly downloaded; fetch it again");
    }
    return file.asSlice(offset, length);
  }

  private void checkLocation(String tensor, String location) {
    if (folder == null) {
      throw fail(
          tensor, "has external data but the model was given as bytes: pass its base directory");
    }
    if (location == null || location.isEmpty()) {
      throw fail(tensor, "has an empty external-data location");
    }
    boolean bad =
        location.indexOf('\0') >= 0
            || location.indexOf('\\') >= 0
            || location.startsWith("/")
            || location.matches("^[A-Za-z]:.*");
    for (String part : location.split("/", -1)) {
      bad |= part.equals("..");
    }
    if (bad) {
      throw fail(
          tensor,
          "has the external-data location '"
              + location.replace('\0', '?')
              + "', which is not a plain path inside the model's folder: refused");
    }
  }

  private long number(String tensor, Map<String, String> entries, String key, long fallback) {
    String text = entries.get(key);
    if (text == null) {
      return fallback;
    }
    long value;
    try {
      value = Long.parseLong(text);
    } catch (NumberFormatException e) {
      throw fail(tensor, "has the external-data " + key + " '" + text + "', which is no number");
    }
    if (value < 0) {
      throw fail(tensor, "has the negative external-data " + key + " " + value);
    }
    return value;
  }

  private MemorySegment map(String tensor, String location) {
    MemorySegment known = mapped.get(location);
    if (known != null) {
      return known;
    }
    try {
      Path path = folder.resolve(location);
      if (!Files.exists(path)) {
        throw fail(tensor, "needs the external-data file '" + path + "', which does not exist");
      }
      Path real = path.toRealPath();
      if (!real.startsWith(folder.toRealPath()) && !real.startsWith(realFolder)) {
        throw fail(
            tensor,
            "has the external-data location '"
                + location
                + "', a link that leaves the model's folder ("
                + real
                + "): refused");
      }
      if (!Files.isRegularFile(real)) {
        throw fail(tensor, "has the external-data location '" + location + "', not a plain file");
      }
      FileKinds.refuseLfsPointer(real);
      try (FileChannel channel = FileChannel.open(real, StandardOpenOption.READ)) {
        MemorySegment segment =
            channel.size() == 0
                ? MemorySegment.NULL
                : channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
        mapped.put(location, segment);
        return segment;
      }
    } catch (InvalidPathException e) {
      throw fail(tensor, "has the external-data location '" + location + "', no valid path");
    } catch (IOException e) {
      throw new ModelFormatException(
          model + ": cannot read the external data '" + location + "': " + e.getMessage(), e);
    }
  }

  ModelFormatException fail(String tensor, String what) {
    return new ModelFormatException(model + ": tensor '" + tensor + "' " + what);
  }
}
