package io.github.morseengine.tests.support;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.onnx.Onnx.NodeProto;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.LongStream;

/**
 * A small graph of random operators, for backends to be compared on: what the layouts, views and
 * broadcasts of one operator do to the next. What does not fit the shapes at hand is not added, and
 * nothing that rounding errors grow in.
 */
public final class RandomGraph {

  private static final int NODES = 8;
  private static final long MOST_ELEMENTS = 60_000;

  private record Value(String name, long[] shape) {}

  private final ModelBuilder model = new ModelBuilder().opset(20);
  private final List<Value> values = new ArrayList<>();
  private final List<String> nodes = new ArrayList<>();
  private final Random random;
  private final int seed;
  private int constants;

  /**
   * Builds a graph.
   *
   * @param seed of all choices, and of the input
   */
  public RandomGraph(int seed) {
    this.seed = seed;
    random = new Random(seed);
    long[] shape = random.longs(2 + random.nextInt(3), 1, 20).toArray();
    if (shape.length == 4) {
      shape[0] = 1 + random.nextInt(3);
    }
    model.input("x0", DType.FLOAT32, shape);
    values.add(new Value("x0", shape));
    for (int i = 0; i < NODES; i++) {
      grow();
    }
    finish();
  }

  /**
   * Compares an engine with another.
   *
   * @param reference what is right
   * @param engine what is tested
   * @param file where the model is written
   */
  public void compare(Engine reference, Engine engine, Path file) {
    model.write(file);
    long[] shape = values.getFirst().shape();
    float[] numbers = ModelBuilder.random(seed, (int) elements(shape));
    Map<String, Tensor> in = Map.of("x0", Tensor.ofFloats(numbers, shape));
    Map<String, Tensor> expected = Runner.run(reference, file, in);
    Map<String, Tensor> actual = Runner.run(engine, file, in);
    assertEquals(expected.keySet(), actual.keySet());
    expected.forEach(
        (name, e) -> Compare.close(e, actual.get(name), 1e-4, 1e-4, name + " of " + nodes));
  }

  private static long elements(long[] shape) {
    return Arrays.stream(shape).reduce(1, (a, b) -> a * b);
  }

  private Value pick() {
    // The latest ones most often, so that operators follow each other.
    int n = values.size();
    return values.get(n - 1 - Math.min(n - 1, random.nextInt(1 + random.nextInt(3))));
  }

  private NodeProto.Builder add(String op, long[] shape, String... inputs) {
    String name = "x" + values.size();
    values.add(new Value(name, shape));
    nodes.add(op + Arrays.toString(shape));
    return model.node(op, name, inputs);
  }

  private String longs(long... numbers) {
    String name = "c" + constants++;
    model.longs(name, numbers);
    return name;
  }

  private String floats(float factor, long... shape) {
    String name = "c" + constants++;
    float[] all = ModelBuilder.random(random.nextInt(), (int) elements(shape));
    for (int i = 0; i < all.length; i++) {
      all[i] *= factor;
    }
    model.floats(name, all, shape);
    return name;
  }

  private void grow() {
    Value v = pick();
    int rank = v.shape().length;
    if (elements(v.shape()) > MOST_ELEMENTS) {
      return;
    }
    switch (random.nextInt(rank == 4 ? 15 : 11)) {
      case 0 -> function(v);
      case 1 -> broadcast(v);
      case 2 -> slice(v);
      case 3 -> transpose(v);
      case 4 -> reduce(v);
      case 5 -> pad(v);
      case 6 -> concat(v);
      case 7 -> choose(v);
      case 8 -> flatten(v);
      case 9 -> expand(v);
      case 10 -> add("Softmax", v.shape(), v.name());
      case 11 -> conv(v);
      case 12 -> pool(v);
      case 13 -> resize(v);
      default -> norm(v);
    }
  }

  private void function(Value v) {
    List<String> all = List.of("Sigmoid", "Tanh", "Relu", "Neg", "Abs", "Atan", "LeakyRelu");
    add(all.get(random.nextInt(all.size())), v.shape(), v.name());
  }

  /** With another value where it broadcasts, else with a constant that does. */
  private void broadcast(Value v) {
    List<String> all = List.of("Add", "Sub", "Mul", "Max", "Min");
    String op = all.get(random.nextInt(all.size()));
    for (Value w : values) {
      boolean fits = w != v && w.shape().length <= v.shape().length;
      int shift = v.shape().length - w.shape().length;
      for (int d = 0; fits && d < w.shape().length; d++) {
        fits = w.shape()[d] == 1 || w.shape()[d] == v.shape()[d + shift];
      }
      if (fits && random.nextBoolean()) {
        boolean first = random.nextBoolean();
        add(op, v.shape(), first ? v.name() : w.name(), first ? w.name() : v.name());
        return;
      }
    }
    long[] some = v.shape().clone();
    for (int d = 0; d < some.length; d++) {
      some[d] = random.nextBoolean() ? 1 : some[d];
    }
    add(op, v.shape(), v.name(), floats(1, some));
  }

  private void slice(Value v) {
    int rank = v.shape().length;
    long[] starts = new long[rank];
    long[] ends = new long[rank];
    long[] steps = new long[rank];
    long[] shape = v.shape().clone();
    for (int d = 0; d < rank; d++) {
      boolean back = random.nextInt(3) == 0;
      long step = 1 + random.nextInt(2);
      long skip = random.nextInt((int) Math.min(3, shape[d]));
      starts[d] = back ? -1 - skip : skip;
      ends[d] = back ? Long.MIN_VALUE : Long.MAX_VALUE;
      steps[d] = back ? -step : step;
      shape[d] = (shape[d] - skip + step - 1) / step;
    }
    long[] axes = LongStream.range(0, rank).toArray();
    add("Slice", shape, v.name(), longs(starts), longs(ends), longs(axes), longs(steps));
  }

  private void transpose(Value v) {
    List<Long> order = new ArrayList<>(LongStream.range(0, v.shape().length).boxed().toList());
    Collections.shuffle(order, random);
    long[] perm = order.stream().mapToLong(d -> d).toArray();
    long[] shape = Arrays.stream(perm).map(d -> v.shape()[(int) d]).toArray();
    add("Transpose", shape, v.name()).addAttribute(ModelBuilder.ints("perm", perm));
  }

  private void reduce(Value v) {
    long[] shape = v.shape().clone();
    long[] axes = LongStream.range(0, shape.length).filter(d -> random.nextBoolean()).toArray();
    if (axes.length == 0) {
      return;
    }
    Arrays.stream(axes).forEach(d -> shape[(int) d] = 1);
    List<String> all = List.of("ReduceMean", "ReduceMax", "ReduceMin", "ReduceL2");
    add(all.get(random.nextInt(all.size())), shape, v.name(), longs(axes));
  }

  private void pad(Value v) {
    int rank = v.shape().length;
    List<String> modes = List.of("constant", "edge", "reflect", "wrap");
    String mode = modes.get(random.nextInt(4));
    long[] pads = new long[2 * rank];
    long[] shape = v.shape().clone();
    for (int i = 0; i < pads.length; i++) {
      pads[i] = Math.min(random.nextInt(4), v.shape()[i % rank] - 1);
      shape[i % rank] += pads[i];
    }
    NodeProto.Builder n = add("Pad", shape, v.name(), longs(pads));
    n.addAttribute(ModelBuilder.text("mode", mode));
  }

  private void concat(Value v) {
    int axis = random.nextInt(v.shape().length);
    long[] shape = v.shape().clone();
    shape[axis] *= 2;
    NodeProto.Builder n = add("Concat", shape, v.name(), v.name());
    n.addAttribute(ModelBuilder.integer("axis", axis));
  }

  /** By the graph's input or by constants: what was rounded may lie on either side of a bound. */
  private void choose(Value v) {
    String less = "b" + values.size();
    Value w = values.getFirst();
    boolean same = Arrays.equals(w.shape(), v.shape());
    String bound = floats(1, v.shape()[v.shape().length - 1]);
    model.node("Less", less, same ? w.name() : floats(1, v.shape()), bound);
    add("Where", v.shape(), less, floats(1, 1), v.name());
  }

  private void flatten(Value v) {
    long last = v.shape()[v.shape().length - 1];
    long[] shape = {elements(v.shape()) / last, last};
    add("Reshape", shape, v.name(), longs(shape));
  }

  private void expand(Value v) {
    long[] shape = v.shape().clone();
    for (int d = 0; d < shape.length; d++) {
      shape[d] = shape[d] == 1 ? 1 + random.nextInt(5) : shape[d];
    }
    add("Expand", shape, v.name(), longs(shape));
  }

  private void conv(Value v) {
    long[] shape = v.shape().clone();
    long c = shape[1];
    boolean each = random.nextBoolean();
    long outputs = each ? c : 1 + random.nextInt(20);
    shape[1] = outputs;
    String w = floats(each ? 0.5f : 0.1f, outputs, each ? 1 : c, 3, 3);
    NodeProto.Builder n = add("Conv", shape, v.name(), w);
    n.addAttribute(ModelBuilder.ints("pads", 1, 1, 1, 1));
    n.addAttribute(ModelBuilder.integer("group", each ? c : 1));
  }

  private void pool(Value v) {
    long[] shape = v.shape().clone();
    if (shape[2] < 2 || shape[3] < 2) {
      return;
    }
    shape[2] /= 2;
    shape[3] /= 2;
    String op = random.nextBoolean() ? "AveragePool" : "MaxPool";
    NodeProto.Builder n = add(op, shape, v.name());
    n.addAttribute(ModelBuilder.ints("kernel_shape", 2, 2));
    n.addAttribute(ModelBuilder.ints("strides", 2, 2));
  }

  private void resize(Value v) {
    long[] shape = v.shape().clone();
    shape[2] = 1 + random.nextInt(20);
    shape[3] = random.nextBoolean() ? 2 * shape[3] : 1 + random.nextInt(20);
    NodeProto.Builder n = add("Resize", shape, v.name(), "", "", longs(shape));
    n.addAttribute(ModelBuilder.text("mode", random.nextBoolean() ? "linear" : "nearest"));
    n.addAttribute(ModelBuilder.text("coordinate_transformation_mode", "asymmetric"));
    n.addAttribute(ModelBuilder.text("nearest_mode", "floor"));
  }

  /** Of numbers that differ: hardly any variance would make rounding errors large. */
  private void norm(Value v) {
    long c = v.shape()[1];
    if (v.shape()[2] * v.shape()[3] < 4) {
      return;
    }
    add("Add", v.shape(), v.name(), floats(1, v.shape()));
    String name = values.getLast().name();
    add("InstanceNormalization", v.shape(), name, floats(1, c), floats(1, c));
  }

  /** The last two values, so that what views of one memory do to each other is seen. */
  private void finish() {
    int n = values.size();
    for (int i = Math.max(1, n - 2); i < n; i++) {
      model.output(values.get(i).name());
    }
    if (n == 1) {
      model.node("Identity", "y", "x0");
      model.output("y");
    }
  }
}
