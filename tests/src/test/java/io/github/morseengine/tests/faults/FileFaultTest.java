package io.github.morseengine.tests.faults;

import static io.github.morseengine.tests.support.Faults.compile;
import static io.github.morseengine.tests.support.Faults.fails;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.google.protobuf.ByteString;
import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.error.ModelFormatException;
import io.github.morseengine.engine.error.MorseException;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.tests.support.Faults;
import io.github.morseengine.tests.support.ModelBuilder;
import io.github.morseengine.tests.support.Runner;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Files that are no models, or damaged ones. */
@Timeout(value = 300, unit = TimeUnit.SECONDS)
class FileFaultTest {

  @TempDir Path folder;
  private Engine engine;

  @BeforeEach
  void open() {
    engine = Runner.engine("cpu");
  }

  @AfterEach
  void stillWorks() {
    Faults.stillWorks(engine, folder);
    engine.close();
  }

  private Path file(byte[] bytes) throws IOException {
    return Files.write(folder.resolve("bad.onnx"), bytes);
  }

  private void notAModel(byte[] bytes) throws IOException {
    Path file = file(bytes);
    fails(ModelFormatException.class, () -> compile(engine, file), "bad.onnx");
  }

  @Test
  void missingFilesAndFoldersAreNamed() {
    Path absent = folder.resolve("absent.onnx");
    fails(InvalidInputException.class, () -> compile(engine, absent), "absent.onnx");
    fails(InvalidInputException.class, () -> compile(engine, folder), folder.toString());
  }

  @Test
  void otherKindsOfFilesAreRefused() throws IOException {
    notAModel(new byte[0]);
    notAModel("This is a text.\n".getBytes(StandardCharsets.US_ASCII));
    notAModel(new byte[1000]);
    notAModel(new byte[] {'P', 'K', 3, 4, 0, 0, 0, 0, 0, 0});
  }

  private void named(byte[] bytes, String... words) throws IOException {
    Path file = file(bytes);
    fails(ModelFormatException.class, () -> compile(engine, file), words);
  }

  @Test
  void whatIsGivenInsteadOfAModelIsNamed() throws IOException {
    String pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n";
    named(pointer.getBytes(StandardCharsets.US_ASCII), "this is a git-lfs pointer", "git lfs pull");
    byte[] safetensors = "\20\0\0\0\0\0\0\0{\"a\": {}}".getBytes(StandardCharsets.US_ASCII);
    named(safetensors, "safetensors", "optimum-cli export onnx");
    named(new byte[] {'P', 'K', 3, 4, 0, 0}, "PyTorch", "torch.onnx.export");
    named(new byte[] {(byte) 0x80, 2, 'c', 't', 'o'}, "PyTorch", "torch.onnx.export");
  }

  @Test
  void aModelCutAnywhereIsRefused() throws IOException {
    byte[] whole = Faults.relu().build().toByteArray();
    for (int cut = 1; cut < whole.length; cut++) {
      notAModel(Arrays.copyOf(whole, cut));
    }
  }

  @Test
  void randomDamageNeverDoesMoreThanFail() throws IOException {
    Random random = new Random(11);
    byte[] whole = block().build().toByteArray();
    for (int i = 0; i < 3000; i++) {
      byte[] bytes;
      if (i % 3 == 0) {
        bytes = new byte[random.nextInt(400)];
        random.nextBytes(bytes);
      } else {
        bytes = whole.clone();
        for (int k = 0; k <= i % 5; k++) {
          bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
        }
      }
      Path file = file(bytes);
      try {
        compile(engine, file);
      } catch (MorseException e) {
        assertEquals(1, e.getMessage().lines().count(), e.getMessage());
      } catch (RuntimeException | Error e) {
        throw new AssertionError("damage " + i + " gives " + e, e);
      }
    }
  }

  private static ModelBuilder block() {
    ModelBuilder b =
        new ModelBuilder()
            .opset(21)
            .input("x", DType.FLOAT32, 1, 4, 6, 6)
            .output("y", 1, 4, 6, 6)
            .floats("w", ModelBuilder.random(1, 16), 4, 4, 1, 1)
            .floats("g", ModelBuilder.random(2, 4), 4)
            .longs("s", 1, 4, 6, 6);
    b.node("GroupNormalization", "n", "x", "g", "g")
        .addAttribute(ModelBuilder.integer("num_groups", 2));
    b.node("Sigmoid", "s1", "n");
    b.node("Mul", "a", "n", "s1");
    b.node("Conv", "c", "a", "w").addAttribute(ModelBuilder.ints("pads", 0, 0, 0, 0));
    b.node("Reshape", "r", "c", "s");
    b.node("Add", "y", "r", "x");
    return b;
  }

  /** 100,000 messages, each the only field of the one around it. */
  @Test
  void deeplyNestedMessagesAreRefused() throws IOException {
    // ModelProto.graph is field 7; below it GraphProto.node, NodeProto.attribute, AttributeProto.g.
    int[] tags = {1 << 3 | 2, 5 << 3 | 2, 6 << 3 | 2};
    int depth = 100_000;
    byte[] reversed = new byte[depth * 5];
    int length = 0;
    for (int level = depth - 1; level >= 0; level--) {
      byte[] size = new byte[5];
      int bytes = 0;
      int rest = length;
      do {
        size[bytes++] = (byte) (rest > 127 ? rest & 127 | 128 : rest);
        rest >>>= 7;
      } while (rest > 0);
      for (int i = bytes - 1; i >= 0; i--) {
        reversed[length++] = size[i];
      }
      reversed[length++] = (byte) (level == 0 ? 7 << 3 | 2 : tags[(level - 1) % 3]);
    }
    byte[] nested = new byte[length];
    for (int i = 0; i < length; i++) {
      nested[i] = reversed[length - 1 - i];
    }
    notAModel(nested);
  }

  @Test
  void filesOfMoreThanTwoGibibytesAreRefused() throws IOException {
    Path file = folder.resolve("huge.onnx");
    try (RandomAccessFile sparse = new RandomAccessFile(file.toFile(), "rw")) {
      sparse.setLength((1L << 31) + 5);
    }
    fails(ModelFormatException.class, () -> compile(engine, file), "huge.onnx", "external data");
  }

  private void refused(ModelBuilder b, String... words) {
    Path file = b.write(folder.resolve("m.onnx"));
    fails(ModelFormatException.class, () -> compile(engine, file), words);
  }

  @Test
  void dimensionsThatOverflowOrAreNegativeAreRefused() {
    long[][] wrong = {{1L << 32, 1L << 32}, {Long.MAX_VALUE, 2}, {-1, 4}, {1L << 62}};
    for (long[] dims : wrong) {
      ModelBuilder b = Faults.relu();
      b.initializer("w", DType.FLOAT32, dims).setRawData(ByteString.EMPTY);
      refused(b, "'w'");
    }
  }

  @Test
  void dimensionsOfZeroAreLegal() {
    ModelBuilder b =
        new ModelBuilder()
            .input("x", DType.FLOAT32, 2, 3)
            .output("y", 2, 3)
            .floats("e", new float[0], 0, 3);
    b.node("Concat", "y", "x", "e").addAttribute(ModelBuilder.integer("axis", 0));
    Path file = b.write(folder.resolve("m.onnx"));
    Tensor x = Tensor.ofFloats(ModelBuilder.random(1, 6), 2, 3);
    assertEquals(6, Runner.run(engine, file, Map.of("x", x)).get("y").elements());
  }

  @Test
  void dataOfTheWrongLengthIsRefused() {
    for (int bytes : new int[] {0, 7, 9, 16}) {
      ModelBuilder b = Faults.relu();
      b.initializer("w", DType.FLOAT32, 2).setRawData(ByteString.copyFrom(new byte[bytes]));
      refused(b, "'w'", Integer.toString(bytes));
    }
    ModelBuilder b = Faults.relu();
    b.initializer("w", DType.FLOAT32, 2).addFloatData(1);
    refused(b, "'w'");
  }
}
