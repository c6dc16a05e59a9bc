package io.github.morseengine.cli;

import io.github.morseengine.engine.error.InvalidInputException;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Locale;

/**
 * A file with one prompt per line, drawn into a folder line by line. A line whose pictures all
 * exist is done, so that an interrupted run goes on where it was.
 *
 * @param lines the prompts; empty lines are prompts too
 * @param folder where the pictures go
 * @param count pictures per line
 */
record PromptFile(List<String> lines, Path folder, int count) {

  static PromptFile read(Path file, Path folder, int count) {
    try {
      List<String> lines = Files.readAllLines(file);
      if (lines.isEmpty()) {
        throw new InvalidInputException("'" + file + "' is empty: write one prompt per line");
      }
      return new PromptFile(lines, folder, count);
    } catch (CharacterCodingException e) {
      throw new InvalidInputException("'" + file + "' is not UTF-8 text", e);
    } catch (IOException e) {
      throw new InvalidInputException(
          "cannot read '" + file + "': " + (Files.exists(file) ? e.getMessage() : "no such file"),
          e);
    }
  }

  /** The file of a picture of a line. */
  Path picture(int line, int index) {
    return folder.resolve(String.format(Locale.ROOT, "%05d-%02d.png", line, index));
  }

  boolean done(int line) {
    for (int i = 0; i < count; i++) {
      if (!Files.exists(picture(line, i))) {
        return false;
      }
    }
    return true;
  }

  /** Adds a line to the folder's report. */
  void report(String json) {
    Path file = folder.resolve("report.jsonl");
    try {
      Files.writeString(file, json + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    } catch (IOException e) {
      throw new InvalidInputException("cannot write '" + file + "': " + e.getMessage(), e);
    }
  }
}
