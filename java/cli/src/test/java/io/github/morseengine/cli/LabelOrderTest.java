package io.github.morseengine.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.error.ModelFormatException;
import io.github.morseengine.engine.morse.ModelDirectory;
import io.github.morseengine.engine.tensor.Npy;
import io.github.morseengine.engine.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Labels of an evaluation are dealt as often as the data has them. */
class LabelOrderTest {

  @TempDir Path folder;

  @BeforeEach
  void model() throws IOException {
    TinyModel.write(folder);
  }

  private LabelOrder order() {
    return LabelOrder.of(ModelDirectory.open(folder));
  }

  private void data(float... labels) throws IOException {
    Path file = folder.resolve("evaluation").resolve(LabelOrder.FILE);
    Files.createDirectories(file.getParent());
    Npy.write(file, Tensor.ofFloats(labels, labels.length));
  }

  @Test
  void inTurnWhereTheDataIsUnknown() {
    assertEquals(List.of("food", "animals", "food"), order().names(1, 3));
    assertEquals(0, order().label(4));
  }

  @Test
  void asOftenAsTheDataHasThem() throws IOException {
    data(1, 0, 1, 1, 1);
    int[] seen = new int[2];
    for (int i = 0; i < 100; i++) {
      seen[order().label(i)]++;
    }
    assertArrayEquals(new int[] {20, 80}, seen);
    assertEquals(order().names(0, 8).subList(3, 8), order().names(3, 5));
  }

  @Test
  void labelsThatTheModelLacks() throws IOException {
    data(0, 2);
    ModelFormatException e = assertThrows(ModelFormatException.class, this::order);
    assertTrue(e.getMessage().contains("data_labels.npy holds 2.0, expected labels 0 to 1"));
  }
}
