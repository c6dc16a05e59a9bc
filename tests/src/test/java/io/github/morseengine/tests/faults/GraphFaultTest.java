package io.github.morseengine.tests.faults;

import static io.github.morseengine.tests.support.Faults.compile;
import static io.github.morseengine.tests.support.Faults.fails;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.error.ModelFormatException;
import io.github.morseengine.engine.error.MorseException;
import io.github.morseengine.engine.error.ResourceLimitException;
import io.github.morseengine.engine.error.UnsupportedOpException;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.onnx.Onnx.FunctionProto;
import io.github.morseengine.onnx.Onnx.OperatorSetIdProto;
import io.github.morseengine.tests.support.Faults;
import io.github.morseengine.tests.support.ModelBuilder;
import io.github.morseengine.tests.support.Runner;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Models that contradict themselves, and models made to hurt. */
@Timeout(value = 120, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class GraphFaultTest {

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

  private <T extends MorseException> void refused(Class<T> type, ModelBuilder b, String... words) {
    Path file = b.write(folder.resolve("m.onnx"));
    fails(type, () -> compile(engine, file), words);
  }

  private static ModelBuilder taking(long... dims) {
    return new ModelBuilder().input("x", DType.FLOAT32, dims).output("y");
  }

  @Test
  void cyclesNameANode() {
    ModelBuilder cycle = taking(2);
    cycle.node("Add", "a", "x", "y");
    cycle.node("Relu", "y", "a");
    refused(ModelFormatException.class, cycle, "n_a", "cycle");
    ModelBuilder self = taking(2);
    self.node("Add", "y", "x", "y");
    refused(ModelFormatException.class, self, "n_y");
  }

  @Test
  void missingAndDuplicateNamesAreNamed() {
    ModelBuilder missing = taking(2);
    missing.node("Add", "y", "x", "nothing");
    refused(ModelFormatException.class, missing, "n_y", "'nothing'");
    ModelBuilder twice = Faults.relu();
    twice.node("Neg", "y", "x");
    refused(ModelFormatException.class, twice, "'y'");
    ModelBuilder names = Faults.relu();
    names.floats("w", new float[2], 2).floats("w", new float[2], 2);
    refused(ModelFormatException.class, names, "'w'");
    refused(ModelFormatException.class, Faults.relu().output("z", 2), "'z'");
    refused(ModelFormatException.class, Faults.relu().input("x", DType.FLOAT32, 2), "'x'");
  }

  private static FunctionProto.Builder function(String name, String... calls) {
    FunctionProto.Builder f =
        FunctionProto.newBuilder().setName(name).setDomain("local").addInput("x").addOutput("y");
    f.addOpsetImport(OperatorSetIdProto.newBuilder().setDomain("local").setVersion(1));
    f.addOpsetImport(OperatorSetIdProto.newBuilder().setDomain("").setVersion(20));
    String at = "x";
    for (int i = 0; i < calls.length; i++) {
      String out = i == calls.length - 1 ? "y" : "v" + i;
      ModelBuilder.fill(f.addNodeBuilder(), calls[i], out, at);
      at = out;
    }
    return f;
  }

  private static ModelBuilder calling(String function) {
    ModelBuilder b = taking(2).importing("local");
    b.node(function, "y", "x");
    return b;
  }

  @Test
  void functionsAreInlined() {
    ModelBuilder b = calling("local::g").function(function("g", "local::f", "local::f", "Neg"));
    b.function(function("f", "Neg", "Exp"));
    Path file = b.write(folder.resolve("m.onnx"));
    Tensor x = Tensor.ofFloats(new float[] {0, 1}, 2);
    Tensor y = Runner.run(engine, file, Map.of("x", x)).get("y");
    assertEquals(-Math.exp(-Math.exp(-1)), y.getDouble(1), 1e-6);
  }

  @Test
  void functionsThatCallThemselvesAreRefused() {
    ModelBuilder direct = calling("local::f").function(function("f", "local::f"));
    refused(ModelFormatException.class, direct, "'f'");
    ModelBuilder mutual = calling("local::f");
    mutual.function(function("f", "local::g")).function(function("g", "local::f"));
    refused(ModelFormatException.class, mutual, "recursive");
  }

  @Test
  void functionsThatMultiplyMeetALimit() {
    ModelBuilder b = calling("local::f40");
    b.function(function("f0", "Relu", "Neg"));
    for (int i = 1; i <= 40; i++) {
      b.function(function("f" + i, "local::f" + (i - 1), "local::f" + (i - 1)));
    }
    refused(ResourceLimitException.class, b, "nodes");
  }

  @Test
  void constantsThatExplodeMeetABudget() {
    ModelBuilder expand = Faults.relu();
    expand.output("z").longs("s", 1L << 19, 1L << 19).floats("one", new float[] {1}, 1);
    expand.node("Expand", "e", "one", "s");
    expand.node("ReduceSum", "z", "e");
    refused(ResourceLimitException.class, expand, "n_e");
    ModelBuilder tile = Faults.relu();
    tile.output("z").longs("s", 1L << 38).floats("one", new float[] {1}, 1);
    tile.node("Tile", "t", "one", "s");
    tile.node("ReduceSum", "z", "t");
    refused(ResourceLimitException.class, tile, "n_t");
    ModelBuilder range = Faults.relu().output("z");
    range.initializer("a", DType.INT64).addInt64Data(0);
    range.initializer("b", DType.INT64).addInt64Data(Long.MAX_VALUE);
    range.initializer("c", DType.INT64).addInt64Data(1);
    range.node("Range", "z", "a", "b", "c");
    Path file = range.write(folder.resolve("range.onnx"));
    assertThrows(MorseException.class, () -> compile(engine, file));
  }

  @Test
  void activationsThatExplodeMeetALimit() {
    ModelBuilder large = new ModelBuilder().input("x", DType.FLOAT32, 1).output("z");
    large.longs("s", 1L << 20, 1L << 20).node("Expand", "e", "x", "s");
    large.node("Exp", "z", "e");
    refused(ResourceLimitException.class, large, "n_e");
  }

  @Test
  void manyFoldsTogetherMeetTheBudget() {
    ModelBuilder b = Faults.relu().output("z");
    b.longs("s", 1L << 23).floats("one", new float[] {1}, 1);
    String sum = "one";
    for (int i = 0; i < 12; i++) {
      b.node("Expand", "e" + i, "one", "s");
      b.node("Add", "a" + i, "e" + i, sum);
      sum = "a" + i;
    }
    b.node("ReduceSum", "z", sum);
    refused(ResourceLimitException.class, b, "budget");
  }

  @ParameterizedTest
  @CsvSource({
    "strides, 0, 1",
    "strides, -1, 1",
    "dilations, 0, 1",
    "kernel_shape, 0, 3",
    "kernel_shape, 5, 3",
    "group, 0, 0",
    "group, 3, 0",
    "group, -1, 0",
    "pads, -9, 0"
  })
  void convolutionsOfImpossibleShapeNameTheNode(String key, long first, long second) {
    for (String op : new String[] {"Conv", "ConvTranspose"}) {
      ModelBuilder b = taking(1, 4, 6, 6).floats("w", new float[144], 4, 4, 3, 3);
      b.node(op, "y", "x", "w")
          .addAttribute(
              switch (key) {
                case "group" -> ModelBuilder.integer(key, first);
                case "pads" -> ModelBuilder.ints(key, first, first, first, first);
                default -> ModelBuilder.ints(key, first, second);
              });
      if (op.equals("Conv") || !key.equals("pads")) {
        refused(ModelFormatException.class, b, "n_y");
      }
    }
  }

  @Test
  void otherZeroesNameTheNode() {
    ModelBuilder groups = taking(1, 4, 2, 2).opset(21).floats("g", new float[4], 4);
    groups
        .node("GroupNormalization", "y", "x", "g", "g")
        .addAttribute(ModelBuilder.integer("num_groups", 0));
    refused(ModelFormatException.class, groups, "n_y");
    ModelBuilder block = taking(1, 4, 2, 2);
    block.node("DepthToSpace", "y", "x").addAttribute(ModelBuilder.integer("blocksize", 0));
    refused(ModelFormatException.class, block, "n_y");
    ModelBuilder step = taking(4).longs("a", 0).longs("e", 4).longs("d", 0).longs("s", 0);
    step.node("Slice", "y", "x", "a", "e", "d", "s");
    refused(ModelFormatException.class, step, "n_y");
    ModelBuilder pool = taking(1, 4, 4, 4);
    pool.node("AveragePool", "y", "x")
        .addAttribute(ModelBuilder.ints("kernel_shape", 2, 2))
        .addAttribute(ModelBuilder.ints("strides", 0, 2));
    refused(ModelFormatException.class, pool, "n_y");
  }

  @ParameterizedTest
  @ValueSource(longs = {-1, 0})
  void divisionByMinusOneOrZeroDoesNotCrash(long divisor) {
    ModelBuilder b = new ModelBuilder().input("x", DType.INT64, 1).output("y");
    b.longs("d", divisor).node("Div", "q", "x", "d");
    b.node("Cast", "y", "q").addAttribute(ModelBuilder.integer("to", 1));
    Path file = b.write(folder.resolve("m.onnx"));
    Map<String, Tensor> in = Map.of("x", Tensor.ofLongs(new long[] {Long.MIN_VALUE}, 1));
    fails(ModelFormatException.class, () -> Runner.run(engine, file, in), "n_q");
  }

  @Test
  void allUnsupportedNodesAreListedAtOnce() {
    ModelBuilder b = Faults.relu().importing("com.example");
    b.node("Frobnicate", "a", "x");
    b.node("com.example::Thing", "b", "a");
    b.node("LSTM", "c", "b");
    refused(
        UnsupportedOpException.class,
        b,
        "n_a",
        "Frobnicate",
        "n_b",
        "com.example::Thing",
        "n_c",
        "LSTM");
    ModelBuilder inside = calling("local::f").function(function("f", "Frobnicate"));
    refused(UnsupportedOpException.class, inside, "Frobnicate", "f/");
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 6, 29, 1000})
  void unknownOpsetsAreNamed(int opset) {
    refused(
        UnsupportedOpException.class, Faults.relu().opset(opset), "n_y", Integer.toString(opset));
  }

  @Test
  void inputsThatDoNotFitANodeNameIt() {
    ModelBuilder add = taking(2).floats("w", new float[3], 3);
    add.node("Add", "y", "x", "w");
    refused(ModelFormatException.class, add, "n_y");
    ModelBuilder product = taking(2, 3).floats("w", new float[8], 4, 2);
    product.node("MatMul", "y", "x", "w");
    refused(ModelFormatException.class, product, "n_y");
    ModelBuilder few = taking(2, 3);
    few.node("MatMul", "y", "x");
    refused(ModelFormatException.class, few, "n_y");
    ModelBuilder shape = taking(2, 3).longs("s", 4, 2);
    shape.node("Reshape", "y", "x", "s");
    refused(ModelFormatException.class, shape, "n_y");
    ModelBuilder perm = taking(2, 3);
    perm.node("Transpose", "y", "x").addAttribute(ModelBuilder.ints("perm", 0, 5));
    refused(ModelFormatException.class, perm, "n_y");
    ModelBuilder axis = taking(2, 3);
    axis.node("Softmax", "y", "x").addAttribute(ModelBuilder.integer("axis", 9));
    refused(ModelFormatException.class, axis, "n_y");
    ModelBuilder types = taking(2).longs("w", 1, 2);
    types.node("Add", "y", "x", "w");
    refused(ModelFormatException.class, types, "n_y");
  }

  /** Kernels would read past the end of these. */
  @Test
  void parametersThatAreTooShortNameTheNode() {
    ModelBuilder bias = taking(1, 4, 6, 6).floats("w", new float[36], 1, 4, 3, 3);
    bias.floats("b", new float[2], 2).node("Conv", "y", "x", "w", "b");
    refused(ModelFormatException.class, bias, "n_y");
    ModelBuilder instance = taking(1, 4, 6, 6).floats("g", new float[3], 3);
    instance.node("InstanceNormalization", "y", "x", "g", "g");
    refused(ModelFormatException.class, instance, "n_y");
    ModelBuilder group = taking(1, 4, 6, 6).opset(21).floats("g", new float[2], 2);
    group
        .node("GroupNormalization", "y", "x", "g", "g")
        .addAttribute(ModelBuilder.integer("num_groups", 2));
    refused(ModelFormatException.class, group, "n_y");
    ModelBuilder layer = taking(3, 8).floats("g", new float[7], 7);
    layer.node("LayerNormalization", "y", "x", "g");
    refused(ModelFormatException.class, layer, "n_y");
    ModelBuilder gemm = taking(3, 8).floats("w", new float[16], 8, 2).floats("b", new float[3], 3);
    gemm.node("Gemm", "y", "x", "w", "b");
    refused(ModelFormatException.class, gemm, "n_y");
    ModelBuilder attention = taking(1, 2, 5, 8).opset(23);
    attention.input("k", DType.FLOAT32, 1, 2, 7, 8).input("v", DType.FLOAT32, 1, 2, 6, 8);
    attention.node("Attention", "y", "x", "k", "v");
    refused(ModelFormatException.class, attention, "n_y");
  }

  @Test
  void indicesOutOfRangeNameTheNode() {
    ModelBuilder index = taking(2, 3).longs("i", 7);
    index.node("Gather", "y", "x", "i");
    Path file = index.write(folder.resolve("m.onnx"));
    Map<String, Tensor> in = Map.of("x", Tensor.ofFloats(new float[6], 2, 3));
    fails(InvalidInputException.class, () -> Runner.run(engine, file, in), "n_y", "7");
  }
}
