package io.github.morseengine.tests.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.error.ModelFormatException;
import io.github.morseengine.engine.error.MorseException;
import io.github.morseengine.engine.morse.text.Encoding;
import io.github.morseengine.engine.morse.text.T5Tokenizer;
import io.github.morseengine.tests.support.Fixtures;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Ids against the tokenizers library, for each form in which T5's rules are written down. */
class T5TokenizerTest {

  private static final int LENGTH = 256;

  @TempDir static Path folder;
  @TempDir Path own;

  @BeforeAll
  static void unpack() {
    Fixtures.unpack("t5tokenizer.zip", folder);
  }

  @ParameterizedTest
  @ValueSource(strings = {"published", "converted", "saved"})
  void idsAreThoseOfTokenizers(String variant) throws IOException {
    T5Tokenizer tokenizer = T5Tokenizer.open(folder.resolve(variant), LENGTH);
    TokenizerGoldens.check(folder, variant, 606, tokenizer::ids);
  }

  @Test
  void paddingIsThatOfTransformers() throws IOException {
    Encoding encoding =
        T5Tokenizer.open(folder.resolve("saved"), LENGTH).encode("a photo of a cat");
    assertArrayEquals(
        TokenizerGoldens.numbers(Files.readString(folder.resolve("saved/padded.txt"))),
        encoding.ids());
    assertEquals(0, encoding.dropped());
  }

  @Test
  void aLongPromptIsCutBeforeTheEnd() {
    T5Tokenizer tokenizer = T5Tokenizer.open(folder.resolve("published"), 8);
    String text = "cat ".repeat(1000);
    Encoding encoding = tokenizer.encode(text);
    assertEquals(8, encoding.used());
    assertEquals(1, encoding.ids()[7], "the end stays");
    assertEquals(tokenizer.ids(text).length - 7, encoding.dropped());
    assertEquals(1, tokenizer.encode("").used(), "an empty text is its end");
  }

  private String published() throws IOException {
    return Files.readString(folder.resolve("published/tokenizer.json"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "\"Unigram\"|\"BPE\"|a model of type BPE",
        "\"unk_id\":2|\"unk_id\":-1|unk_id is -1",
        "\"byte_fallback\":false|\"byte_fallback\":true|byte_fallback",
        "\"WhitespaceSplit\"|\"ByteLevel\"|pre_tokenizer 'ByteLevel' is not supported",
        "\"Precompiled\"|\"Nmt\"|normalizer 'Nmt' is not supported",
        "\"precompiled_charsmap\":\"|\"precompiled_charsmap\":\"?|no base64",
        "\"precompiled_charsmap\":\"|\"precompiled_charsmap\":\"AA==\",\"was\":\"|no trie",
        "\"TemplateProcessing\"|\"BertProcessing\"|'BertProcessing' is not supported",
        "\"content\":\"<pad>\"|\"contents\":\"<pad>\"|the added token",
        "[\"<pad>\",0.0]|[\"<pad>\"]|entry 0 of vocab",
        "\"ids\":[1]|\"ids\":[\"a\"]|no numbers",
        "\"replacement\":\"\u2581\"|\"replacement\":\"\"|replacement '' is not supported",
        "\"vocab\"|\"vocabulary\"|no tokenizer of T5"
      })
  void filesThatAreNoTokenizerOfT5AreNamed(String from, String to, String part) throws IOException {
    String json = published();
    assertTrue(json.contains(from), from);
    Files.writeString(
        own.resolve("tokenizer.json"),
        json.replaceFirst(Pattern.quote(from), Matcher.quoteReplacement(to)));
    says(ModelFormatException.class, part);
  }

  @Test
  void whatIsMissingIsNamed() throws IOException {
    says(InvalidInputException.class, "holds no tokenizer.json");
    Files.writeString(own.resolve("tokenizer.json"), published());
    Files.writeString(own.resolve("tokenizer_config.json"), "{\"pad_token\": \"[PAD]\"}");
    says(ModelFormatException.class, "padding token '[PAD]'");
    Files.delete(own.resolve("tokenizer_config.json"));
    String message =
        assertThrows(ModelFormatException.class, () -> T5Tokenizer.open(own, 1)).getMessage();
    assertTrue(message.contains("leave no room"), message);
  }

  private void says(Class<? extends MorseException> type, String part) {
    String message = assertThrows(type, () -> T5Tokenizer.open(own, LENGTH)).getMessage();
    assertTrue(message.contains(part) && message.contains(own.getFileName().toString()), message);
  }
}
