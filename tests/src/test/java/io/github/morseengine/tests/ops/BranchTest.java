package io.github.morseengine.tests.ops;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.error.ModelFormatException;
import io.github.morseengine.engine.error.MorseException;
import io.github.morseengine.engine.error.UnsupportedOpException;
import io.github.morseengine.engine.graph.onnx.OnnxModel;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.onnx.Onnx.AttributeProto;
import io.github.morseengine.onnx.Onnx.FunctionProto;
import io.github.morseengine.onnx.Onnx.GraphProto;
import io.github.morseengine.onnx.Onnx.NodeProto;
import io.github.morseengine.onnx.Onnx.OperatorSetIdProto;
import io.github.morseengine.onnx.Onnx.ValueInfoProto;
import io.github.morseengine.tests.support.ModelBuilder;
import io.github.morseengine.tests.support.Runner;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * If whose condition follows from the sizes of the inputs, as exporters of dynamic shapes write.
 */
class BranchTest {

  @TempDir Path folder;

  private static NodeProto node(String op, String output, String... inputs) {
    NodeProto.Builder n = NodeProto.newBuilder();
    ModelBuilder.fill(n, op, output, inputs);
    return n.build();
  }

  private static NodeProto branch(
      String output, String condition, GraphProto.Builder yes, GraphProto.Builder no) {
    return node("If", output, condition).toBuilder()
        .addAttribute(graph("then_branch", yes))
        .addAttribute(graph("else_branch", no))
        .build();
  }

  private static AttributeProto graph(String name, GraphProto.Builder graph) {
    return AttributeProto.newBuilder()
        .setName(name)
        .setType(AttributeProto.AttributeType.GRAPH)
        .setG(graph)
        .build();
  }

  private static GraphProto.Builder body(String output, NodeProto... nodes) {
    GraphProto.Builder g = GraphProto.newBuilder().setName("g");
    for (NodeProto n : nodes) {
      g.addNode(n);
    }
    return g.addOutput(ValueInfoProto.newBuilder().setName(output));
  }

  /** One row: 2 x. Two: x + 2. More: x itself, which no node of the branch computes. */
  private static ModelBuilder model() {
    ModelBuilder b =
        new ModelBuilder()
            .input("x", DType.FLOAT32, -1, 2)
            .output("y", -1, 2)
            .floats("two", new float[] {2}, 1)
            .longs("zero", 0)
            .longs("1", 1)
            .longs("2", 2);
    NodeProto inner = branch("c", "isTwo", body("d", node("Add", "d", "x", "pair")), body("x"));
    NodeProto outer =
        branch("y", "isOne", body("a", node("Mul", "a", "x", "pair")), body("c", inner));
    // Before what it reads, by its inputs and within: the order of a file is not relied on.
    b.node(outer);
    b.node("Identity", "pair", "two");
    b.node("Shape", "shape", "x");
    b.node("Gather", "rows", "shape", "zero");
    b.node("Equal", "isOne", "rows", "1");
    b.node("Equal", "isTwo", "rows", "2");
    return b;
  }

  @Test
  void theBranchOfTheSizeRuns() {
    Path file = model().write(folder.resolve("m.onnx"));
    for (String backend : new String[] {"reference", "cpu"}) {
      try (Engine engine = Runner.engine(backend)) {
        assertArrayEquals(new float[] {2, 4}, run(engine, file, 1, 2), backend);
        assertArrayEquals(new float[] {3, 4, 5, 6}, run(engine, file, 1, 2, 3, 4), backend);
        assertArrayEquals(
            new float[] {1, 2, 3, 4, 5, 6}, run(engine, file, 1, 2, 3, 4, 5, 6), backend);
      }
    }
  }

  private static float[] run(Engine engine, Path file, float... x) {
    Tensor in = Tensor.ofFloats(x, x.length / 2, 2);
    return Runner.run(engine, file, Map.of("x", in)).get("y").toFloats();
  }

  /** A function whose branch reads the function's own input, called within a branch. */
  @Test
  void functionsAndBranchesMayHoldEachOther() {
    FunctionProto.Builder twice =
        FunctionProto.newBuilder().setName("Twice").setDomain("own").addInput("v").addOutput("w");
    twice.addOpsetImport(OperatorSetIdProto.newBuilder().setDomain("").setVersion(20));
    twice.addNode(node("Size", "size", "v"));
    twice.addNode(
        node("Cast", "some", "size").toBuilder().addAttribute(ModelBuilder.integer("to", 9)));
    twice.addNode(branch("w", "some", body("s", node("Add", "s", "v", "v")), body("v")));
    ModelBuilder b =
        new ModelBuilder()
            .input("x", DType.FLOAT32, -1, 2)
            .output("y", -1, 2)
            .longs("zero", 0)
            .longs("one", 1)
            .importing("own")
            .function(twice);
    b.node("Shape", "shape", "x");
    b.node("Gather", "rows", "shape", "zero");
    b.node("Equal", "isOne", "rows", "one");
    NodeProto call = node("own::Twice", "t", "x");
    b.node(branch("y", "isOne", body("t", call), body("x")));
    Path file = b.write(folder.resolve("m.onnx"));
    try (Engine engine = Runner.engine("cpu")) {
      assertArrayEquals(new float[] {2, 4}, run(engine, file, 1, 2));
      assertArrayEquals(new float[] {1, 2, 3, 4}, run(engine, file, 1, 2, 3, 4));
    }
  }

  @Test
  void operatorsWithinCountAndInputsAreRenamedWithin() {
    Path file = model().write(folder.resolve("m.onnx"));
    try (OnnxModel model = OnnxModel.open(file).withInput("x", "sample")) {
      assertEquals(2, model.operators().get("If"));
      assertEquals(1, model.operators().get("Add"));
      assertEquals("sample", model.inputs().getFirst().name());
      model.newGraph();
    }
  }

  @Test
  void whatCannotBeDecidedIsSaid() {
    ModelBuilder b =
        new ModelBuilder()
            .input("x", DType.FLOAT32, 1)
            .output("y", 1)
            .floats("half", new float[] {0.5f}, 1);
    b.node("Less", "small", "x", "half");
    b.node(branch("y", "small", body("x"), body("half")));
    String said = refused(b, UnsupportedOpException.class);
    assertTrue(said.contains("'n_y'") && said.contains("depends on the value of 'small'"), said);
  }

  @Test
  void whatTheEngineLacksWithinIsNamed() {
    String said = refused(either(node("Det", "z", "x")), UnsupportedOpException.class);
    assertTrue(said.contains("'n_y/then_branch/n_z' (Det"), said);
  }

  @Test
  void aNameThatNothingComputesIsNamed() {
    String said = refused(either(node("Neg", "z", "nothing")), ModelFormatException.class);
    assertTrue(said.contains("'n_y' reads 'nothing'"), said);
  }

  /** A node that computes z in one branch, x itself in the other. */
  private static ModelBuilder either(NodeProto within) {
    return new ModelBuilder()
        .input("x", DType.FLOAT32, 1)
        .output("y", 1)
        .node(branch("y", "x", body("z", within), body("x")));
  }

  private String refused(ModelBuilder b, Class<? extends MorseException> type) {
    Path file = b.write(folder.resolve("m.onnx"));
    try (Engine engine = Runner.engine("cpu")) {
      Map<String, Tensor> x = Map.of("x", Tensor.ofFloats(new float[] {1}, 1));
      return assertThrows(type, () -> Runner.run(engine, file, x)).getMessage();
    }
  }
}
