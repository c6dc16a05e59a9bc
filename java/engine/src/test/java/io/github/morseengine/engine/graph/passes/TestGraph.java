package io.github.morseengine.engine.graph.passes;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.morseengine.engine.backend.reference.ReferenceOps;
import io.github.morseengine.engine.graph.infer.GraphBinder;
import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Constant;
import io.github.morseengine.engine.ir.Dim;
import io.github.morseengine.engine.ir.FusedOps;
import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.function.Consumer;

/** Builds small graphs and compares what they compute before and after all passes. */
final class TestGraph {

  private final Graph graph = new Graph("test");
  private final Random random = new Random(7);
  private final Map<Value, Tensor> data = new IdentityHashMap<>();
  private int count;

  /** An input with random elements. */
  Value input(long... shape) {
    Value v = new Value("x" + graph.inputs().size());
    v.setType(DType.FLOAT32, shape);
    List<Dim> dims = new ArrayList<>();
    for (long d : shape) {
      dims.add(Dim.of(d));
    }
    graph.inputs().add(new Graph.Input(v, dims));
    data.put(v, gaussian(shape));
    return v;
  }

  /** A constant with random elements. */
  Value weight(long... shape) {
    return Value.ofConstant("w" + count++, Constant.of(gaussian(shape)));
  }

  /** A half-precision constant of small whole numbers, with which sums and products are exact. */
  Value whole(long... shape) {
    Tensor t = gaussian(shape);
    for (long i = 0; i < t.elements(); i++) {
      t.setDouble(i, Math.rint(t.getDouble(i)));
    }
    return Value.ofConstant("h" + count++, Constant.of(t).cast(DType.FLOAT16));
  }

  Value scalar(double number) {
    return Value.ofConstant("c" + count++, Constant.of(floats(new long[0], number)));
  }

  Value vector(double... numbers) {
    return Value.ofConstant(
        "c" + count++, Constant.of(floats(new long[] {numbers.length}, numbers)));
  }

  Value longs(long... numbers) {
    Tensor t = Tensor.ofLongs(numbers, numbers.length);
    return Value.ofConstant("i" + count++, Constant.of(t));
  }

  private static Tensor floats(long[] shape, double... numbers) {
    Tensor t = Tensor.allocate(DType.FLOAT32, shape);
    for (int i = 0; i < numbers.length; i++) {
      t.setDouble(i, numbers[i]);
    }
    return t;
  }

  private Tensor gaussian(long... shape) {
    Tensor t = Tensor.allocate(DType.FLOAT32, shape);
    for (long i = 0; i < t.elements(); i++) {
      t.setDouble(i, random.nextGaussian());
    }
    return t;
  }

  Value node(String op, Attributes a, Value... inputs) {
    return nodes(1, op, a, inputs).getFirst();
  }

  Value node(String op, Value... inputs) {
    return node(op, Attributes.NONE, inputs);
  }

  List<Value> nodes(int outputs, String op, Attributes a, Value... inputs) {
    return versioned(20, outputs, op, a, inputs);
  }

  List<Value> versioned(int opset, int outputs, String op, Attributes a, Value... inputs) {
    List<Value> out = new ArrayList<>();
    for (int i = 0; i < outputs; i++) {
      out.add(new Value(op + count + "." + i));
    }
    List<Value> in = java.util.Arrays.asList(inputs);
    graph.nodes().add(new Node(op + count++, "", op, opset, in, out, a));
    return out;
  }

  void output(Value v) {
    graph.outputs().add(v);
    graph.outputNames().add("y" + graph.outputNames().size());
    graph.outputDims().add(null);
  }

  /**
   * Builds a graph twice, optimises one, and compares.
   *
   * @param build adds nodes and outputs
   * @param expected operators that are left, fused ones in capitals, e.g. "CONV Reshape Reshape"
   * @return the optimised graph
   */
  static Graph check(Consumer<TestGraph> build, String expected) {
    Graph graph = compare(build);
    assertEquals(histogram(expected), histogram(String.join(" ", operators(graph))));
    return graph;
  }

  /**
   * Builds a graph twice, optimises one, and compares what they compute.
   *
   * @param build adds nodes and outputs
   * @return the optimised graph
   */
  static Graph compare(Consumer<TestGraph> build) {
    TestGraph plain = new TestGraph();
    build.accept(plain);
    GraphBinder.bind(plain.graph, Map.of());
    TestGraph optimised = new TestGraph();
    build.accept(optimised);
    GraphBinder.bind(optimised.graph, Map.of());
    Passes.optimize(optimised.graph);

    List<Tensor> want = plain.run();
    List<Tensor> got = optimised.run();
    assertEquals(plain.graph.outputNames(), optimised.graph.outputNames());
    assertEquals(want.size(), got.size());
    for (int i = 0; i < want.size(); i++) {
      assertArrayEquals(want.get(i).shape(), got.get(i).shape());
      for (long k = 0; k < want.get(i).elements(); k++) {
        double w = want.get(i).getDouble(k);
        // A few roundings of float32, in another order than before.
        assertEquals(w, got.get(i).getDouble(k), 2e-5 * (1 + Math.abs(w)), "element " + k);
      }
    }
    return optimised.graph;
  }

  private static Map<String, Integer> histogram(String operators) {
    Map<String, Integer> map = new TreeMap<>();
    for (String op : operators.isBlank() ? new String[0] : operators.trim().split(" +")) {
      map.merge(op, 1, Integer::sum);
    }
    return map;
  }

  private static List<String> operators(Graph graph) {
    return graph.nodes().stream()
        .map(
            n ->
                n.domain().equals(FusedOps.DOMAIN)
                    ? n.opType().toUpperCase(Locale.ROOT)
                    : n.opType())
        .toList();
  }

  private List<Tensor> run() {
    Map<Value, Tensor> known = new IdentityHashMap<>(data);
    for (Node n : graph.nodes()) {
      Tensor[] in = new Tensor[n.inputs().size()];
      for (int i = 0; i < in.length; i++) {
        in[i] = n.input(i) == null ? null : value(known, n.input(i));
      }
      Tensor[] out = ReferenceOps.run(n, in);
      for (int i = 0; i < n.outputs().size(); i++) {
        assertArrayEquals(n.output(i).shape(), out[i].shape(), "inferred shape of " + n);
        known.put(n.output(i), out[i]);
      }
    }
    return graph.outputs().stream().map(v -> value(known, v)).toList();
  }

  private static Tensor value(Map<Value, Tensor> known, Value v) {
    Tensor t = v.isConstant() ? v.constant().materialize(Arena.ofAuto()) : known.get(v);
    if (t == null) {
      throw new AssertionError(v + " is read before it is computed");
    }
    return t;
  }
}
