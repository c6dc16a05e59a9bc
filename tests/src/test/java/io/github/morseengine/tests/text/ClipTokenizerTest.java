package io.github.morseengine.tests.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.error.ModelFormatException;
import io.github.morseengine.engine.error.MorseException;
import io.github.morseengine.engine.morse.text.ClipTokenizer;
import io.github.morseengine.engine.morse.text.Encoding;
import io.github.morseengine.tests.support.Fixtures;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Ids against transformers' CLIPTokenizer, on 2,000 prompts for each way a folder can be set up.
 */
class ClipTokenizerTest {

  @TempDir static Path folder;

  @BeforeAll
  static void unpack() {
    Fixtures.unpack("tokenizer.zip", folder);
  }

  @ParameterizedTest
  @CsvSource({"first, first", "second, second", "third, third", "saved, third"})
  void idsAreThoseOfTransformers(String variant, String golden) throws IOException {
    ClipTokenizer tokenizer = ClipTokenizer.open(folder.resolve(variant));
    TokenizerGoldens.check(folder, golden, 2000, tokenizer::ids);
  }

  @ParameterizedTest
  @ValueSource(strings = {"first", "second", "third"})
  void paddingIsThatOfTransformers(String variant) throws IOException {
    ClipTokenizer tokenizer = ClipTokenizer.open(folder.resolve(variant));
    Encoding encoding = tokenizer.encode("a photo of a cat");
    String golden = Files.readString(folder.resolve(variant).resolve("padded.txt"));
    assertArrayEquals(TokenizerGoldens.numbers(golden), encoding.ids());
    assertEquals(0, encoding.dropped());
  }

  @Test
  void aLongPromptIsCutAndSaysSo() {
    ClipTokenizer tokenizer = ClipTokenizer.open(folder.resolve("first"));
    String text = "cat ".repeat(10_000);
    Encoding encoding = tokenizer.encode(text);
    assertEquals(77, encoding.ids().length);
    assertEquals(77, encoding.used());
    assertEquals(tokenizer.ids(text).length - 75, encoding.dropped());
    assertEquals(tokenizer.encode("").ids()[1], encoding.ids()[76], "the end stays");
  }

  @Test
  void anEmptyPromptIsStartAndEnd() {
    Encoding encoding = ClipTokenizer.open(folder.resolve("second")).encode("");
    assertEquals(2, encoding.used());
    assertEquals(0, encoding.ids()[2], "the second kind pads with id 0");
  }

  @Test
  void foldersThatHoldNoVocabularyAreNamed(@TempDir Path empty) throws IOException {
    says(InvalidInputException.class, empty.resolve("absent"), "there is no tokenizer folder");
    says(InvalidInputException.class, empty, "neither vocab.json with merges.txt");
    Files.writeString(empty.resolve("vocab.json"), "{\"a\": 0, \"b</w>\": 1}");
    Files.writeString(empty.resolve("merges.txt"), "#version: 0.2\na b</w>\n");
    says(ModelFormatException.class, empty, "merge 0, 'a b</w>'");
    Files.writeString(empty.resolve("merges.txt"), "a b c\n");
    says(ModelFormatException.class, empty, "no merge of two tokens");
    Files.writeString(empty.resolve("vocab.json"), "{\"a\": 0.5}");
    says(ModelFormatException.class, empty, "the id of 'a' is no whole number");
    Files.writeString(empty.resolve("vocab.json"), "[]");
    says(ModelFormatException.class, empty, "a JSON object is expected");
  }

  private static void says(Class<? extends MorseException> type, Path folder, String part) {
    String message = assertThrows(type, () -> ClipTokenizer.open(folder)).getMessage();
    assertTrue(
        message.contains(part) && message.contains(folder.getFileName().toString()), message);
  }
}
