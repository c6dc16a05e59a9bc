package io.github.morseengine.tests.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.function.Function;

/** Prompts and the ids that a fixture's script got for them. */
final class TokenizerGoldens {

  private TokenizerGoldens() {}

  /**
   * Compares the ids of all prompts.
   *
   * @param folder holds prompts.txt, one a line as base64 of UTF-8, and a folder with ids.txt
   * @param golden that folder's name
   * @param count of the prompts
   * @param ids what is tested
   */
  static void check(Path folder, String golden, int count, Function<String, int[]> ids)
      throws IOException {
    List<String> prompts = Files.readAllLines(folder.resolve("prompts.txt"));
    List<String> wanted = Files.readAllLines(folder.resolve(golden).resolve("ids.txt"));
    assertEquals(count, prompts.size());
    for (int i = 0; i < prompts.size(); i++) {
      String text = new String(Base64.getDecoder().decode(prompts.get(i)), StandardCharsets.UTF_8);
      int line = i;
      assertArrayEquals(
          numbers(wanted.get(i)),
          ids.apply(text),
          () ->
              "prompt " + line + ": " + text.codePoints().mapToObj(Integer::toHexString).toList());
    }
  }

  /** The numbers of a line, with spaces between. */
  static int[] numbers(String line) {
    return Arrays.stream(line.split(" "))
        .filter(s -> !s.isEmpty())
        .mapToInt(Integer::parseInt)
        .toArray();
  }
}
