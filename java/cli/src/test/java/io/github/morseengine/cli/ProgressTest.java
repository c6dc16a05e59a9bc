package io.github.morseengine.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class ProgressTest {

  @Test
  void plainLinesAreFewAndEnd() {
    String text = text(false, 1000);
    assertEquals(11, text.lines().count());
    assertTrue(text.endsWith("1000/1000 steps" + System.lineSeparator()), text);
    assertFalse(text.contains("\r["));
  }

  @Test
  void theBarStaysOnOneLineAndVanishes() {
    String text = text(true, 7);
    assertFalse(text.contains("\n"), text);
    assertTrue(text.contains("7/7 steps"), text);
    assertTrue(text.endsWith("\r\033[K"), text);
  }

  private static String text(boolean terminal, int steps) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    PrintStream err = new PrintStream(bytes, true, StandardCharsets.UTF_8);
    try (Progress progress = new Progress(err, terminal, "drawing")) {
      for (int i = 0; i <= steps; i++) {
        progress.step(i, steps);
      }
    }
    return bytes.toString(StandardCharsets.UTF_8);
  }
}
