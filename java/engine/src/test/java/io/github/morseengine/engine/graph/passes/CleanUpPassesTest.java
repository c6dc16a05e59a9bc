package io.github.morseengine.engine.graph.passes;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.ir.Value;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** View chains, common subexpressions, splits, and what stays of graph outputs. */
class CleanUpPassesTest {

  private static Attributes perm(long... order) {
    return Attributes.of("perm", order);
  }

  @Test
  void inverseTransposesGoAway() {
    TestGraph.check(
        g -> {
          Value x = g.node("Transpose", perm(0, 3, 1, 2), g.node("Tanh", g.input(2, 3, 4, 5)));
          g.output(g.node("Transpose", perm(0, 2, 3, 1), x));
        },
        "Tanh");
  }

  private static Value batchNorm(TestGraph g, Value x) {
    Value scale = g.vector(1, -2, 0.5);
    Value bias = g.vector(0.25, 0, -1);
    Value mean = g.vector(0.5, -0.5, 2);
    return g.node("BatchNormalization", x, scale, bias, mean, g.vector(1, 4, 0.01));
  }

  @Test
  void batchNormalisationBehindAConvolutionGoesIntoIt() {
    TestGraph.check(
        g -> g.output(batchNorm(g, g.node("Conv", g.input(2, 4, 5, 5), g.weight(3, 4, 3, 3)))),
        "CONV");
    TestGraph.check(
        g -> {
          Value w = g.weight(3, 4, 3, 3);
          g.output(batchNorm(g, g.node("Conv", g.input(2, 4, 5, 5), w, g.vector(1, 2, 3))));
        },
        "CONV");
  }

  @Test
  void otherBatchNormalisationsAreAFactorAndASummand() {
    TestGraph.check(g -> g.output(batchNorm(g, g.input(2, 3, 5, 5))), "Mul Add");
    TestGraph.check(g -> g.output(batchNorm(g, g.input(2, 3))), "Mul Add");
    TestGraph.check(
        g -> {
          Value x = g.node("Conv", g.input(2, 4, 5, 5), g.weight(3, 4, 3, 3));
          g.output(x);
          g.output(batchNorm(g, x));
        },
        "CONV Mul Add");
  }

  @Test
  void slopesPerChannelAreTakenApart() {
    TestGraph.check(
        g -> g.output(g.node("PRelu", g.input(2, 3, 5), g.weight(3, 1))), "Max Min Mul Add");
  }

  @Test
  void squeezesAndReshapesInARowBecomeOne() {
    TestGraph.check(
        g -> {
          Value x = g.node("Unsqueeze", g.node("Tanh", g.input(2, 12)), g.longs(0));
          x = g.node("Reshape", x, g.longs(4, 1, 6));
          g.output(g.node("Squeeze", x, g.longs(1)));
        },
        "Tanh Reshape");
  }

  @Test
  void randomChainsKeepTheirMeaningAndNeverGrow() {
    Random random = new Random(3);
    for (int run = 0; run < 60; run++) {
      long seed = random.nextLong();
      Graph graph = TestGraph.compare(g -> build(g, new Random(seed)));
      assertTrue(graph.nodes().size() <= 7, "seed " + seed + ": " + graph.nodes());
    }
  }

  private static void build(TestGraph g, Random random) {
    List<Long> shape = new ArrayList<>(List.of(2L, 6L, 4L));
    Value x = g.node("Tanh", g.input(2, 6, 4));
    for (int i = 0; i < 6; i++) {
      if (random.nextBoolean()) {
        List<Long> order = new ArrayList<>();
        for (long d = 0; d < shape.size(); d++) {
          order.add(d);
        }
        Collections.shuffle(order, random);
        List<Long> old = List.copyOf(shape);
        for (int d = 0; d < old.size(); d++) {
          shape.set(d, old.get(order.get(d).intValue()));
        }
        x = g.node("Transpose", perm(array(order)), x);
      } else {
        reshape(shape, random);
        x = g.node("Reshape", x, g.longs(array(shape)));
      }
    }
    g.output(x);
  }

  private static void reshape(List<Long> shape, Random random) {
    int at = random.nextInt(shape.size());
    if (random.nextBoolean() && at + 1 < shape.size()) {
      shape.set(at, shape.get(at) * shape.remove(at + 1));
    } else if (shape.get(at) % 2 == 0) {
      shape.set(at, shape.get(at) / 2);
      shape.add(at, 2L);
    } else {
      shape.add(at, 1L);
    }
  }

  private static long[] array(List<Long> list) {
    return list.stream().mapToLong(Long::longValue).toArray();
  }

  @Test
  void equalExpressionsAreComputedOnce() {
    TestGraph.check(
        g -> {
          Value x = g.input(2, 3);
          Value a = g.node("Exp", g.node("Mul", x, g.scalar(2)));
          Value b = g.node("Exp", g.node("Mul", x, g.scalar(2)));
          Value c = g.node("Exp", g.node("Mul", x, g.scalar(3)));
          g.output(g.node("Sub", g.node("Add", a, b), c));
        },
        "Mul Exp Mul Exp EXPRESSION");
  }

  @Test
  void splitOfAConcatGoesAway() {
    TestGraph.check(
        g -> {
          Value x = g.input(2, 3);
          Value both =
              g.node("Concat", Attributes.of("axis", 1), g.node("Sin", x), g.node("Cos", x));
          Value a = g.node("Slice", both, g.longs(3), g.longs(6), g.longs(1));
          Value b = g.node("Slice", both, g.longs(0), g.longs(3), g.longs(1));
          g.output(g.node("Concat", Attributes.of("axis", 1), a, b));
        },
        "Sin Cos Concat");
  }

  @Test
  void slicesThatLeaveAGapStay() {
    TestGraph.check(
        g -> {
          Value x = g.node("Tanh", g.input(2, 7));
          Value a = g.node("Slice", x, g.longs(0), g.longs(3), g.longs(1));
          Value b = g.node("Slice", x, g.longs(4), g.longs(7), g.longs(1));
          g.output(g.node("Add", a, b));
        },
        "Tanh Slice Slice Add");
  }

  @Test
  void numberIsAddedToTheBiasOfItsPartOnly() {
    TestGraph.check(
        g -> {
          Value y = g.node("MatMul", g.input(3, 4), g.weight(4, 6));
          y = g.node("Add", y, g.weight(6));
          Attributes halves = Attributes.of("axis", 1, "num_outputs", 2);
          List<Value> parts = g.nodes(2, "Split", halves, y);
          g.output(g.node("Exp", g.node("Add", parts.get(1), g.scalar(1))));
          g.output(g.node("Exp", parts.get(0)));
        },
        "LINEAR Split Exp Exp");
  }

  @Test
  void partThatOthersReadKeepsItsAddition() {
    TestGraph.check(
        g -> {
          Value y = g.node("MatMul", g.input(3, 4), g.weight(4, 6));
          y = g.node("Add", y, g.weight(6));
          Attributes halves = Attributes.of("axis", 1, "num_outputs", 2);
          List<Value> parts = g.nodes(2, "Split", halves, y);
          g.output(g.node("Exp", g.node("Add", parts.get(1), g.scalar(1))));
          g.output(g.node("Exp", g.node("Neg", parts.get(1))));
        },
        "LINEAR Split Add Exp Neg Exp");
  }

  @Test
  void outputsThatAreInputsConstantsOrTwins() {
    TestGraph.check(
        g -> {
          Value x = g.input(2, 3);
          Value y = g.node("Tanh", x);
          g.output(x);
          g.output(y);
          g.output(g.node("Reshape", y, g.longs(2, 3)));
          g.output(g.node("Tanh", x));
        },
        "Tanh");
  }
}
