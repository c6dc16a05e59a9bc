package io.github.morseengine.cli;

import io.github.morseengine.engine.error.InvalidInputException;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** Finds out before the work whether its results can be written. */
final class OutputFiles {

  private OutputFiles() {}

  /** Tries what writing the file will need, and leaves nothing behind. */
  static void requireWritable(Path file) {
    try {
      if (Files.isDirectory(file)) {
        throw new IOException("it is a folder, give a file");
      }
      if (Files.exists(file) && !Files.isRegularFile(file)) {
        Files.newByteChannel(file, StandardOpenOption.WRITE).close();
        return;
      }
      Path folder = file.toAbsolutePath().getParent();
      if (folder == null || !Files.isDirectory(folder)) {
        throw new IOException("the folder '" + folder + "' does not exist");
      }
      probe(folder);
    } catch (IOException e) {
      throw new InvalidInputException("cannot write '" + file + "': " + reason(e), e);
    }
  }

  /** Tries whether a folder can be made and written into; it is not made yet. */
  static void requireWritableFolder(Path folder) {
    try {
      Path existing = folder.toAbsolutePath();
      while (existing != null && !Files.exists(existing)) {
        existing = existing.getParent();
      }
      if (existing == null || !Files.isDirectory(existing)) {
        throw new IOException("'" + existing + "' is not a folder");
      }
      probe(existing);
    } catch (IOException e) {
      throw new InvalidInputException("cannot write into '" + folder + "': " + reason(e), e);
    }
  }

  static void makeFolder(Path folder) {
    try {
      Files.createDirectories(folder);
    } catch (IOException e) {
      throw new InvalidInputException("cannot make the folder '" + folder + "': " + reason(e), e);
    }
  }

  private static void probe(Path folder) throws IOException {
    try {
      Files.delete(Files.createTempFile(folder, ".morse", ".probe"));
    } catch (IOException e) {
      throw new IOException("no file can be made in '" + folder + "' (" + reason(e) + ")", e);
    }
  }

  private static String reason(IOException e) {
    if (e instanceof AccessDeniedException) {
      return "permission denied";
    }
    if (e instanceof FileSystemException system && system.getReason() != null) {
      return system.getReason();
    }
    if (e instanceof FileSystemException) {
      return e.getClass().getSimpleName();
    }
    return e.getMessage() == null ? e.toString() : e.getMessage();
  }
}
