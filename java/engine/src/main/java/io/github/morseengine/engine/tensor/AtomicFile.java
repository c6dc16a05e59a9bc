package io.github.morseengine.engine.tensor;

import io.github.morseengine.engine.error.InvalidInputException;
import java.io.IOException;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/** Writes files completely or not at all. */
public final class AtomicFile {

  /** Writes the content. */
  @FunctionalInterface
  public interface Writer {

    /**
     * Writes everything.
     *
     * @param channel where to
     * @throws IOException if that fails
     */
    void write(WritableByteChannel channel) throws IOException;
  }

  private AtomicFile() {}

  /**
   * Writes beside the target and then moves the file there; a failure leaves nothing behind.
   *
   * @param file the target; its folder must exist
   * @param writer writes the content
   * @throws InvalidInputException if it cannot be written
   */
  public static void write(Path file, Writer writer) {
    Path target = file.toAbsolutePath();
    Path part =
        target.resolveSibling(
            "."
                + target.getFileName()
                + "."
                + ProcessHandle.current().pid()
                + "."
                + System.nanoTime()
                + ".part");
    try {
      if (Files.isDirectory(target)) {
        throw new IOException("it is a folder");
      }
      if (!Files.isDirectory(target.getParent())) {
        throw new IOException("its folder does not exist");
      }
      if (Files.exists(target) && !Files.isRegularFile(target)) {
        // A device such as /dev/null or /dev/full cannot be replaced by a file.
        try (var channel = Files.newByteChannel(target, StandardOpenOption.WRITE)) {
          writer.write(channel);
        }
        return;
      }
      try (var channel =
          Files.newByteChannel(part, StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW)) {
        writer.write(channel);
      }
      Files.move(part, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      try {
        Files.deleteIfExists(part);
      } catch (IOException leftover) {
        e.addSuppressed(leftover);
      }
      String why = e.getMessage() == null ? e.toString() : e.getMessage();
      throw new InvalidInputException("cannot write '" + file + "': " + why, e);
    }
  }
}
