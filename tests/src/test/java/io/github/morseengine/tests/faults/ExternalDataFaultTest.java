package io.github.morseengine.tests.faults;

import static io.github.morseengine.tests.support.Faults.compile;
import static io.github.morseengine.tests.support.Faults.fails;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.morseengine.engine.CompileOptions;
import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.backend.Precision;
import io.github.morseengine.engine.backend.cpu.CpuBackend;
import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.error.ModelFormatException;
import io.github.morseengine.engine.graph.infer.GraphBinder;
import io.github.morseengine.engine.graph.onnx.OnnxModel;
import io.github.morseengine.engine.graph.passes.Passes;
import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.tests.support.Faults;
import io.github.morseengine.tests.support.ModelBuilder;
import io.github.morseengine.tests.support.Runner;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Weights in other files: what a model may ask for, and what it may not. */
class ExternalDataFaultTest {

  @TempDir Path root;
  private Path folder;
  private Engine engine;

  @BeforeEach
  void open() throws IOException {
    folder = Files.createDirectories(root.resolve("model"));
    Files.write(folder.resolve("w.bin"), ModelBuilder.bytes(1, 2, 3, 4));
    Files.write(root.resolve("secret.bin"), ModelBuilder.bytes(5, 6, 7, 8));
    engine = Runner.engine("cpu");
  }

  @AfterEach
  void stillWorks() {
    Faults.stillWorks(engine, root);
    engine.close();
  }

  private static ModelBuilder model(String... entries) {
    ModelBuilder b =
        new ModelBuilder()
            .input("x", DType.FLOAT32, 4)
            .output("y", 4)
            .external("w", new long[] {4}, entries);
    b.node("Mul", "y", "x", "w");
    return b;
  }

  private void refused(String word, String... entries) {
    Path file = model(entries).write(folder.resolve("m.onnx"));
    fails(ModelFormatException.class, () -> compile(engine, file), word);
  }

  private float[] run(Path file) {
    Tensor x = Tensor.ofFloats(new float[] {1, 1, 1, 1}, 4);
    return Runner.run(engine, file, Map.of("x", x)).get("y").toFloats();
  }

  /** A file of 5 GiB, of which only a few blocks exist. */
  @Test
  void offsetsBeyondFourGibibytesAreReadWhateverTheirAlignment() throws IOException {
    long[] offsets = {0, (2L << 30) + 1, (4L << 30) - 6, (4L << 30) + 4096, (5L << 30) - 16};
    try (RandomAccessFile sparse = new RandomAccessFile(folder.resolve("big.bin").toFile(), "rw")) {
      sparse.setLength(5L << 30);
      for (int i = 0; i < offsets.length; i++) {
        sparse.seek(offsets[i]);
        sparse.write(ModelBuilder.bytes(i, i + 1, i + 2, i + 3));
      }
    }
    for (int i = 0; i < offsets.length; i++) {
      String offset = Long.toString(offsets[i]);
      Path file =
          model("location", "big.bin", "offset", offset, "length", "16")
              .write(folder.resolve("m.onnx"));
      assertArrayEquals(new float[] {i, i + 1, i + 2, i + 3}, run(file), offset);
    }
    String last = Long.toString((5L << 30) - 15);
    refused("only partly downloaded", "location", "big.bin", "offset", last);
  }

  @Test
  void aGitLfsPointerIsNamed() throws IOException {
    Files.writeString(
        folder.resolve("w.bin"), "version https://git-lfs.github.com/spec/v1\noid sha256:00\n");
    refused("this is a git-lfs pointer", "location", "w.bin");
  }

  @Test
  void aFileBesideTheModelIsRead() throws IOException {
    Path file = model("location", "w.bin").write(folder.resolve("m.onnx"));
    assertEquals(4, run(file)[3]);
    Files.createDirectories(folder.resolve("sub"));
    Files.copy(folder.resolve("w.bin"), folder.resolve("sub/v.bin"));
    assertEquals(3, run(model("location", "./sub/v.bin").write(folder.resolve("m2.onnx")))[2]);
  }

  @Test
  @DisabledOnOs(value = OS.WINDOWS, disabledReason = "a mapped file cannot be cut there")
  void aFileThatIsCutBetweenMappingAndPackingIsAnError() throws IOException {
    int rows = 256;
    Path weights = folder.resolve("large.bin");
    Files.write(weights, ModelBuilder.bytes(ModelBuilder.random(1, rows * rows)));
    ModelBuilder b =
        new ModelBuilder()
            .input("x", DType.FLOAT32, 1, rows)
            .output("y", 1, rows)
            .external("w", new long[] {rows, rows}, "location", "large.bin");
    b.node("MatMul", "y", "x", "w");
    Path file = b.write(folder.resolve("m.onnx"));
    try (OnnxModel model = OnnxModel.open(file);
        CpuBackend backend = new CpuBackend(2, Precision.FP32)) {
      Graph graph = model.newGraph();
      GraphBinder.bind(graph, Map.of());
      Passes.optimize(graph);
      try (FileChannel channel = FileChannel.open(weights, StandardOpenOption.WRITE)) {
        channel.truncate(0);
      }
      fails(
          ModelFormatException.class,
          () -> backend.compile(graph, Precision.FP16),
          "changed while it was read");
      assertEquals(0, backend.weightBytes());
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "../secret.bin",
        "a/../../secret.bin",
        "..",
        "../absent.bin",
        "/etc/passwd",
        "/absent",
        "w.bin\0.txt",
        "sub/../../secret.bin",
        "..\\secret.bin",
        "C:\\secret.bin"
      })
  void locationsThatLeaveTheFolderAreRefused(String location) {
    refused("refused", "location", location);
  }

  @Test
  void anEmptyOrAbsentLocationIsRefused() {
    refused("location", "location", "");
    refused("location", "offset", "0");
  }

  @Test
  void linksThatLeaveTheFolderAreRefused() throws IOException {
    Files.createSymbolicLink(folder.resolve("link.bin"), root.resolve("secret.bin"));
    refused("link", "location", "link.bin");
    Files.createDirectories(root.resolve("other"));
    Files.copy(root.resolve("secret.bin"), root.resolve("other/s.bin"));
    Files.createSymbolicLink(folder.resolve("dir"), root.resolve("other"));
    refused("link", "location", "dir/s.bin");
    Files.createSymbolicLink(folder.resolve("loop"), folder.resolve("loop"));
    refused("loop", "location", "loop");
  }

  @Test
  void theLayoutOfHubCachesIsAccepted() throws IOException {
    Path blobs = Files.createDirectories(root.resolve("hub/blobs"));
    Path snapshot = Files.createDirectories(root.resolve("hub/snapshots/1"));
    model("location", "w.bin").write(blobs.resolve("0a"));
    Files.copy(folder.resolve("w.bin"), blobs.resolve("0b"));
    Files.createSymbolicLink(snapshot.resolve("m.onnx"), Path.of("../../blobs/0a"));
    Files.createSymbolicLink(snapshot.resolve("w.bin"), Path.of("../../blobs/0b"));
    assertEquals(2, run(snapshot.resolve("m.onnx"))[1]);
  }

  @Test
  @Timeout(value = 120, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
  void whatIsNoPlainFileIsRefused() throws Exception {
    Files.createDirectories(folder.resolve("d"));
    refused("'d'", "location", "d");
    Path fifo = folder.resolve("fifo");
    assertEquals(0, new ProcessBuilder("mkfifo", fifo.toString()).start().waitFor());
    refused("fifo", "location", "fifo");
    Files.createSymbolicLink(folder.resolve("zero"), Path.of("/dev/zero"));
    refused("zero", "location", "zero");
    fails(InvalidInputException.class, () -> compile(engine, fifo), "fifo");
  }

  @ParameterizedTest
  @CsvSource({
    "offset, -1, offset",
    "offset, 1, w.bin",
    "offset, 16, w.bin",
    "offset, 9223372036854775807, w.bin",
    "offset, 9223372036854775808, offset",
    "offset, 18446744073709551612, offset",
    "offset, many, offset",
    "offset, '', offset",
    "length, -16, length",
    "length, 12, length",
    "length, 20, length",
    "length, 9223372036854775807, length",
    "length, 0x10, length"
  })
  void offsetsAndLengthsThatDoNotFitAreRefused(String key, String value, String word) {
    refused(word, "location", "w.bin", key, value);
  }

  @Test
  void duplicateAndUnknownKeysAreRefused() {
    refused("twice", "location", "w.bin", "location", "w.bin");
    refused("colour", "location", "w.bin", "colour", "red");
  }

  @Test
  void anAbsentOrCutFileIsNamed() throws IOException {
    refused("absent.bin", "location", "absent.bin");
    Files.write(folder.resolve("cut.bin"), new byte[15]);
    refused("cut.bin", "location", "cut.bin");
    Files.write(folder.resolve("empty.bin"), new byte[0]);
    refused("empty.bin", "location", "empty.bin");
    Files.writeString(
        folder.resolve("lfs.bin"), "version https://git-lfs.github.com/spec/v1\noid sha256:0\n");
    refused("git lfs pull", "location", "lfs.bin");
  }

  @Test
  void aFileCutAfterOpeningDoesNotCrash() throws IOException {
    Path file = model("location", "w.bin").write(folder.resolve("m.onnx"));
    try (OnnxModel model = OnnxModel.open(file)) {
      model.newGraph();
      Files.write(folder.resolve("w.bin"), new byte[0]);
      fails(
          ModelFormatException.class,
          () -> engine.compile(model, CompileOptions.builder().build()).close(),
          "w.bin");
    }
  }

  @Test
  void bytesWithoutAFolderCannotReferToFiles() {
    byte[] bytes = model("location", "w.bin").build().toByteArray();
    try (OnnxModel m = OnnxModel.open(bytes, null, "memory")) {
      fails(
          ModelFormatException.class,
          () -> engine.compile(m, CompileOptions.builder().build()).close(),
          "memory",
          "base directory");
    }
    try (OnnxModel m = OnnxModel.open(bytes, folder, "memory")) {
      engine.compile(m, CompileOptions.builder().build()).close();
    }
  }
}
