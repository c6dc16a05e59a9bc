package io.github.morseengine.engine.graph.onnx;

import io.github.morseengine.engine.error.ModelFormatException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** Recognises files that are given for ONNX models by mistake, so that the message can help. */
final class FileKinds {

  private static final String LFS = "version https://git-lfs";
  private static final String EXPORT =
      ": export the network to ONNX first, with 'optimum-cli export onnx --model FOLDER OUT' or"
          + " torch.onnx.export";

  private FileKinds() {}

  static void refuseLfsPointer(Path file) throws IOException {
    if (Files.size(file) < 1024 && head(file).startsWith(LFS)) {
      throw new ModelFormatException(
          "'"
              + file
              + "': this is a git-lfs pointer, not the file itself: run 'git lfs pull' there");
    }
  }

  /** Says what a file that did not parse looks like; null where there is nothing to say. */
  static String describe(Path file) {
    try {
      String head = head(file);
      if (head.startsWith(LFS)) {
        return "this is a git-lfs pointer: run 'git lfs pull' there";
      }
      if (head.startsWith("PK\u0003\u0004")) {
        return "it is a zip archive, probably PyTorch weights" + EXPORT;
      }
      if (head.startsWith("\u0080\u0002") || head.startsWith("\u0080\u0004")) {
        return "it is a Python pickle, probably PyTorch weights" + EXPORT;
      }
      if (head.startsWith("GGUF")) {
        return "it is a GGUF file" + EXPORT;
      }
      if (head.length() > 9 && head.charAt(8) == '{' && head.charAt(9) == '"') {
        return "it looks like safetensors" + EXPORT;
      }
      boolean text = !head.isEmpty();
      for (int i = 0; i < head.length(); i++) {
        char c = head.charAt(i);
        text &= c >= 32 && c < 127 || c == '\n' || c == '\r' || c == '\t';
      }
      return text ? "it is a text file" : null;
    } catch (IOException e) {
      return null;
    }
  }

  private static String head(Path file) throws IOException {
    try (InputStream in = Files.newInputStream(file)) {
      return new String(in.readNBytes(64), StandardCharsets.ISO_8859_1);
    }
  }
}
