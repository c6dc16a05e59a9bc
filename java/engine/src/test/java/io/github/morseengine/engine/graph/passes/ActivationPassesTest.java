package io.github.morseengine.engine.graph.passes;

import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Value;
import java.util.List;
import org.junit.jupiter.api.Test;

/** SiLU, GELU and GEGLU in the forms that exporters write. */
class ActivationPassesTest {

  private static final double ROOT = Math.sqrt(2);

  @Test
  void siluInBothOrdersAndAsSwish() {
    TestGraph.check(
        g -> {
          Value x = g.input(2, 5);
          g.output(g.node("Mul", x, g.node("Sigmoid", x)));
        },
        "SILU");
    TestGraph.check(
        g -> {
          Value x = g.input(2, 5);
          g.output(g.node("Mul", g.node("Sigmoid", x), x));
        },
        "SILU");
  }

  @Test
  void quickGeluIsSwish() {
    TestGraph.check(
        g -> {
          Value x = g.input(2, 5);
          Value gate = g.node("Sigmoid", g.node("Mul", x, g.scalar(1.702)));
          g.output(g.node("Mul", x, gate));
        },
        "Swish");
  }

  @Test
  void sigmoidOfSomethingElseIsNoSilu() {
    TestGraph.check(
        g -> g.output(g.node("Mul", g.input(2, 5), g.node("Sigmoid", g.input(2, 5)))),
        "Sigmoid Mul");
  }

  private static Value onePlusErf(TestGraph g, Value x, boolean quotient) {
    Value inner =
        quotient ? g.node("Div", x, g.scalar(ROOT)) : g.node("Mul", x, g.scalar(1 / ROOT));
    return g.node("Add", g.node("Erf", inner), g.scalar(1));
  }

  @Test
  void geluInEveryOrderOfItsFactors() {
    TestGraph.check(
        g -> {
          Value x = g.input(2, 5);
          g.output(g.node("Mul", g.node("Mul", x, onePlusErf(g, x, true)), g.scalar(0.5)));
        },
        "Gelu");
    TestGraph.check(
        g -> {
          Value x = g.input(2, 5);
          g.output(g.node("Mul", g.node("Mul", x, g.scalar(0.5)), onePlusErf(g, x, false)));
        },
        "Gelu");
    TestGraph.check(
        g -> {
          Value x = g.input(2, 5);
          g.output(g.node("Mul", x, g.node("Mul", g.scalar(0.5), onePlusErf(g, x, true))));
        },
        "Gelu");
  }

  @Test
  void anotherFactorIsNoGelu() {
    TestGraph.check(
        g -> {
          Value x = g.input(2, 5);
          Value f = g.node("Add", g.node("Erf", g.node("Mul", x, g.scalar(0.9))), g.scalar(1));
          g.output(g.node("Mul", g.node("Mul", x, f), g.scalar(0.5)));
        },
        "Mul Erf EXPRESSION");
  }

  @Test
  void tanhApproximation() {
    TestGraph.check(
        g -> {
          Value x = g.input(2, 5);
          Value cube = g.node("Pow", x, g.scalar(3));
          Value sum = g.node("Add", x, g.node("Mul", cube, g.scalar(0.044715)));
          Value tanh = g.node("Tanh", g.node("Mul", sum, g.scalar(Math.sqrt(2 / Math.PI))));
          Value f = g.node("Add", tanh, g.scalar(1));
          g.output(g.node("Mul", g.node("Mul", x, g.scalar(0.5)), f));
        },
        "Gelu");
  }

  @Test
  void gegluFromSplitAndFromSlices() {
    TestGraph.check(
        g -> {
          Attributes halves = Attributes.of("axis", -1, "num_outputs", 2);
          List<Value> parts = g.nodes(2, "Split", halves, g.input(2, 3, 8));
          g.output(g.node("Mul", parts.get(0), g.node("Gelu", parts.get(1))));
        },
        "GEGLU");
    TestGraph.check(
        g -> {
          Value x = g.input(2, 3, 8);
          Value a = g.node("Slice", x, g.longs(0), g.longs(4), g.longs(2));
          Value b = g.node("Slice", x, g.longs(4), g.longs(8), g.longs(2));
          Value f = g.node("Mul", b, onePlusErf(g, b, true));
          g.output(g.node("Mul", a, g.node("Mul", f, g.scalar(0.5))));
        },
        "GEGLU");
  }

  @Test
  void gateInTheFirstHalfIsNoGeglu() {
    TestGraph.check(
        g -> {
          Attributes halves = Attributes.of("axis", -1, "num_outputs", 2);
          List<Value> parts = g.nodes(2, "Split", halves, g.input(2, 3, 8));
          g.output(g.node("Mul", parts.get(1), g.node("Gelu", parts.get(0))));
        },
        "Split Gelu Mul");
  }
}
