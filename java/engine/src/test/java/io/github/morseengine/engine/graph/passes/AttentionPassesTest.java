package io.github.morseengine.engine.graph.passes;

import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Value;
import org.junit.jupiter.api.Test;

/** Attention in the forms that exporters write. */
class AttentionPassesTest {

  private static final Attributes LAST = Attributes.of("axis", -1);

  private static Attributes perm(long... order) {
    return Attributes.of("perm", order);
  }

  private static Value heads(TestGraph g, Value x) {
    Value cut = g.node("Reshape", x, g.longs(2, -1, 3, 4));
    return g.node("Transpose", perm(0, 2, 1, 3), cut);
  }

  @Test
  void scaleOnQueriesAndKeys() {
    TestGraph.check(
        g -> {
          Value q = g.node("Mul", heads(g, g.input(2, 5, 12)), g.scalar(0.7));
          Value k = g.node("Reshape", g.input(2, 6, 12), g.longs(2, -1, 3, 4));
          k = g.node("Mul", g.node("Transpose", perm(0, 2, 3, 1), k), g.scalar(0.7));
          Value p = g.node("Softmax", LAST, g.node("MatMul", q, k));
          Value y = g.node("MatMul", p, heads(g, g.input(2, 6, 12)));
          g.output(g.node("Reshape", g.node("Transpose", perm(0, 2, 1, 3), y), g.longs(2, 5, 12)));
        },
        "Reshape Transpose Reshape Transpose Reshape Transpose ATTENTION Transpose Reshape");
  }

  @Test
  void keysTransposedBetweenReshapes() {
    TestGraph.check(
        g -> {
          Value k = g.node("Reshape", g.input(2, 3, 6, 4), g.longs(-1, 6, 4));
          k = g.node("Reshape", g.node("Transpose", perm(0, 2, 1), k), g.longs(2, 3, 4, 6));
          Value scores = g.node("MatMul", g.input(2, 3, 5, 4), k);
          Value p = g.node("Softmax", LAST, g.node("Div", scores, g.scalar(2)));
          g.output(g.node("MatMul", p, g.input(2, 3, 6, 4)));
        },
        "ATTENTION");
  }

  @Test
  void maskIsAdded() {
    TestGraph.check(
        g -> {
          Value k = g.node("Transpose", perm(0, 1, 3, 2), g.input(2, 3, 6, 4));
          Value scores = g.node("Mul", g.node("MatMul", g.input(2, 3, 5, 4), k), g.scalar(0.5));
          Value p = g.node("Softmax", LAST, g.node("Add", scores, g.weight(5, 6)));
          g.output(g.node("MatMul", p, g.input(2, 3, 6, 4)));
        },
        "ATTENTION");
  }

  @Test
  void headsMergedIntoTheBatch() {
    TestGraph.check(
        g -> {
          Value q = g.node("Reshape", heads(g, g.input(2, 5, 12)), g.longs(6, 5, 4));
          Value k = g.node("Reshape", heads(g, g.input(2, 6, 12)), g.longs(6, 6, 4));
          Value v = g.node("Reshape", heads(g, g.input(2, 6, 12)), g.longs(6, 6, 4));
          Value scores = g.node("MatMul", q, g.node("Transpose", perm(0, 2, 1), k));
          Value p = g.node("Softmax", LAST, g.node("Mul", scores, g.scalar(0.5)));
          Value y = g.node("Reshape", g.node("MatMul", p, v), g.longs(2, 3, 5, 4));
          g.output(g.node("Reshape", g.node("Transpose", perm(0, 2, 1, 3), y), g.longs(2, 5, 12)));
        },
        "Reshape Transpose Reshape Transpose Reshape Transpose ATTENTION Transpose Reshape");
  }

  @Test
  void softmaxOverAnotherAxisIsNoAttention() {
    TestGraph.check(
        g -> {
          Value scores = g.node("MatMul", g.input(2, 5, 4), g.input(2, 4, 5));
          Value p = g.node("Softmax", Attributes.of("axis", 1), scores);
          g.output(g.node("MatMul", p, g.input(2, 5, 4)));
        },
        "MatMul Softmax MatMul");
  }

  @Test
  void probabilitiesThatOthersReadStay() {
    TestGraph.check(
        g -> {
          Value p = g.node("Softmax", LAST, g.node("MatMul", g.input(2, 5, 4), g.input(2, 4, 5)));
          g.output(g.node("MatMul", p, g.input(2, 5, 4)));
          g.output(p);
        },
        "MatMul Softmax MatMul");
  }

  @Test
  void operatorOfOpset23InThreeAndFourDimensions() {
    TestGraph.check(
        g ->
            g.output(
                g.node("Attention", g.input(2, 3, 5, 4), g.input(2, 3, 6, 4), g.input(2, 3, 6, 4))),
        "ATTENTION");
    TestGraph.check(
        g -> {
          Attributes a = Attributes.of("q_num_heads", 3, "kv_num_heads", 3, "scale", 0.3f);
          g.output(g.node("Attention", a, g.input(2, 5, 12), g.input(2, 6, 12), g.input(2, 6, 12)));
        },
        "Reshape Transpose Reshape Transpose Reshape Transpose ATTENTION Transpose Reshape");
  }

  @Test
  void causalMaskIsSpelledOut() {
    TestGraph.check(
        g ->
            g.output(
                g.node(
                    "Attention",
                    Attributes.of("is_causal", 1),
                    g.input(2, 3, 5, 4),
                    g.input(2, 3, 5, 4),
                    g.input(2, 3, 5, 4))),
        "ATTENTION");
  }

  private static Value guarded(TestGraph g, double lowest) {
    return guarded(g, g.node("Reshape", g.vector(0, lowest, lowest, lowest), g.longs(2, 2)));
  }

  private static Value guarded(TestGraph g, Value mask) {
    Value k = g.node("Transpose", perm(0, 1, 3, 2), g.input(1, 1, 2, 4));
    Value scores = g.node("Add", g.node("MatMul", g.input(1, 1, 2, 4), k), mask);
    Value p = g.node("Softmax", LAST, scores);
    Value safe = g.node("Where", g.node("IsNaN", p), g.scalar(0), p);
    return g.node("MatMul", safe, g.input(1, 1, 2, 4));
  }

  @Test
  void guardAgainstNoKeyAtAllGoesWhereEveryPositionHasOne() {
    TestGraph.check(g -> g.output(guarded(g, -1e30)), "ATTENTION");
    TestGraph.check(
        g -> g.output(guarded(g, Double.NEGATIVE_INFINITY)),
        "Transpose MatMul Add Softmax IsNaN Where MatMul");
  }

  /** Of which the second position sees no key. */
  private static Value maskOfTheRun(TestGraph g) {
    double least = Double.NEGATIVE_INFINITY;
    Value forbidden = g.node("Reshape", g.vector(0, least, least, least), g.longs(2, 2));
    return g.node("Add", g.input(2, 2), forbidden);
  }

  @Test
  void guardBehindAMaskOfTheRunIsKeptForThePositionsWithoutAKey() {
    TestGraph.check(
        g -> {
          Value mask = maskOfTheRun(g);
          g.output(guarded(g, mask));
          g.output(guarded(g, mask));
        },
        "Add ReduceMax Equal Where Where ATTENTION Mul ATTENTION Mul");
  }

  @Test
  void operatorsWithMasksOfTheRunGiveZerosForPositionsWithoutAKey() {
    TestGraph.check(
        g -> {
          Value mask = maskOfTheRun(g);
          Value q = g.input(1, 3, 2, 4);
          g.output(g.node("Attention", q, g.input(1, 3, 2, 4), g.input(1, 3, 2, 4), mask));
        },
        "Add ReduceMax Equal Where Where ATTENTION Mul");
    TestGraph.check(
        g -> {
          Value mask = g.node("Greater", g.input(2, 1, 5, 6), g.scalar(0.8));
          Attributes a = Attributes.of("q_num_heads", 3, "kv_num_heads", 3);
          Value q = g.input(2, 5, 12);
          g.output(g.node("Attention", a, q, g.input(2, 6, 12), g.input(2, 6, 12), mask));
        },
        "Greater Where ReduceMax Equal Where Where Reshape Transpose Reshape Transpose Reshape"
            + " Transpose ATTENTION Mul Transpose Reshape");
  }

  @Test
  void headsThatShareKeysStay() {
    TestGraph.check(
        g -> {
          Attributes a = Attributes.of("q_num_heads", 4, "kv_num_heads", 2);
          g.output(g.node("Attention", a, g.input(2, 5, 8), g.input(2, 6, 4), g.input(2, 6, 4)));
        },
        "Attention");
  }
}
