package io.github.morseengine.engine.graph.passes;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import org.junit.jupiter.api.Test;

/** Element-wise sums and products in one node. */
class ExpressionFusionTest {

  @Test
  void rotationWithFactorsPerSampleIsOneExpression() {
    Graph graph =
        TestGraph.check(
            g -> {
              Value x = g.input(2, 3, 4, 5);
              Value v = g.input(2, 3, 4, 5);
              Value cos = g.input(2, 1, 1, 1);
              Value sin = g.input(2, 1, 1, 1);
              Value turned = g.node("Add", g.node("Mul", cos, v), g.node("Mul", x, sin));
              g.output(g.node("Sub", turned, v));
            },
            "EXPRESSION");
    Node node = graph.nodes().getFirst();
    assertEquals(4 * 3, node.attributes().getInts("program").length);
    assertEquals(4, node.inputs().size());
  }

  @Test
  void resultThatIsReadTwiceWithinIsComputedOnce() {
    Graph graph =
        TestGraph.check(
            g -> {
              Value x = g.input(3, 7);
              Value y = g.input(3, 7);
              Value sum = g.node("Add", x, y);
              g.output(g.node("Div", g.node("Mul", sum, x), g.node("Sub", sum, g.scalar(9))));
            },
            "EXPRESSION");
    assertEquals(4 * 3, graph.nodes().getFirst().attributes().getInts("program").length);
  }

  @Test
  void resultThatIsReadElsewhereStays() {
    TestGraph.check(
        g -> {
          Value x = g.input(3, 7);
          Value sum = g.node("Add", x, g.input(3, 7));
          g.output(sum);
          g.output(g.node("Mul", sum, x));
        },
        "Add Mul");
  }

  @Test
  void factorsPerChannelStay() {
    TestGraph.check(
        g -> {
          Value x = g.input(2, 3, 4, 4);
          Value perChannel = g.input(2, 3, 1, 1);
          g.output(g.node("Mul", g.node("Add", x, perChannel), perChannel));
        },
        "Add Mul");
  }
}
