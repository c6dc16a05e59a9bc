package io.github.morseengine.cli;

import io.github.morseengine.engine.error.InvalidInputException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;

/** Tells one state of a model directory from another. */
final class Fingerprint {

  /** Larger files count by their size and time of change. */
  private static final long READ = 256L << 20;

  private Fingerprint() {}

  /** SHA-256 over the files of a folder, sub-folders left out, and what drawing reads of them. */
  static String of(Path folder) {
    try (Stream<Path> list = Files.list(folder)) {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      List<Path> files = list.filter(Files::isRegularFile).sorted().toList();
      for (Path file : files) {
        if (file.toString().endsWith(".md")) {
          continue;
        }
        digest.update(
            file.getFileName().toString().getBytes(java.nio.charset.StandardCharsets.UTF_8));
        if (Files.size(file) > READ) {
          String about = Files.size(file) + " " + Files.getLastModifiedTime(file);
          digest.update(about.getBytes(java.nio.charset.StandardCharsets.UTF_8));
          continue;
        }
        try (InputStream in = new DigestInputStream(Files.newInputStream(file), digest)) {
          in.transferTo(java.io.OutputStream.nullOutputStream());
        }
      }
      return HexFormat.of().formatHex(digest.digest(), 0, 8);
    } catch (IOException e) {
      throw new InvalidInputException("cannot read '" + folder + "': " + e.getMessage(), e);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }
}
