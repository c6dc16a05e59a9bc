package io.github.morseengine.engine.graph.passes;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Group and layer normalisation, with what stands around them. */
class NormPassesTest {

  private static final long[] IMAGE = {2, 6, 3, 5};

  private static Value grouped(TestGraph g, Value x) {
    Value flat = g.node("Reshape", x, g.longs(0, 3, -1));
    Attributes epsilon = Attributes.of("epsilon", 1e-5f);
    Value norm =
        g.node("InstanceNormalization", epsilon, flat, g.vector(1, 1, 1), g.vector(0, 0, 0));
    return g.node("Reshape", norm, g.longs(IMAGE));
  }

  private static Value affine(TestGraph g, Value x) {
    return g.node("Add", g.node("Mul", x, g.weight(6, 1, 1)), g.weight(6, 1, 1));
  }

  private static Value silu(TestGraph g, Value x) {
    return g.node("Mul", x, g.node("Sigmoid", x));
  }

  @Test
  void instanceNormalizationBetweenReshapesBecomesGroupNorm() {
    Graph graph =
        TestGraph.check(g -> g.output(silu(g, affine(g, grouped(g, g.input(IMAGE))))), "GROUPNORM");
    Node norm = graph.nodes().getFirst();
    assertEquals("silu", norm.attributes().getString("activation", ""));
    assertEquals(3, norm.attributes().getInt("num_groups", 0));
  }

  @Test
  void scalesOfGroupsAreSpreadOverChannels() {
    TestGraph.check(
        g -> {
          Value flat = g.node("Reshape", g.input(IMAGE), g.longs(0, 3, -1));
          Value norm = g.node("InstanceNormalization", flat, g.weight(3), g.weight(3));
          g.output(affine(g, g.node("Reshape", norm, g.longs(IMAGE))));
        },
        "GROUPNORM");
  }

  @Test
  void plainInstanceNormalizationHasOneGroupPerChannel() {
    TestGraph.check(
        g -> g.output(g.node("InstanceNormalization", g.input(IMAGE), g.weight(6), g.weight(6))),
        "GROUPNORM");
  }

  @Test
  void groupNormalizationOfBothOpsets() {
    Attributes groups = Attributes.of("num_groups", 3, "epsilon", 1e-3f);
    TestGraph.check(
        g -> {
          Value x = g.input(IMAGE);
          Value old =
              g.versioned(18, 1, "GroupNormalization", groups, x, g.weight(3), g.weight(3))
                  .getFirst();
          g.output(
              g.versioned(21, 1, "GroupNormalization", groups, old, g.weight(6), g.weight(6))
                  .getFirst());
        },
        "GROUPNORM GROUPNORM");
  }

  @Test
  void timeEmbeddingBeforeTheNorm() {
    TestGraph.check(
        g -> {
          Value time = g.node("Unsqueeze", g.input(2, 6), g.longs(2, 3));
          g.output(affine(g, grouped(g, g.node("Add", g.input(IMAGE), time))));
        },
        "GROUPNORM");
  }

  @Test
  void sumThatOthersReadStays() {
    TestGraph.check(
        g -> {
          Value sum = g.node("Add", g.input(IMAGE), g.input(2, 6, 1, 1));
          g.output(affine(g, grouped(g, sum)));
          g.output(sum);
        },
        "Add GROUPNORM");
  }

  @Test
  void scaleAndShiftPerSample() {
    for (boolean slices : new boolean[] {false, true}) {
      TestGraph.check(
          g -> {
            Value emb = g.node("MatMul", g.input(2, 4), g.weight(4, 12));
            emb = g.node("Add", emb, g.weight(12));
            emb = g.node("Unsqueeze", emb, g.longs(2, 3));
            List<Value> parts = slices ? sliced(g, emb) : split(g, emb);
            Value norm = affine(g, grouped(g, g.input(IMAGE)));
            Value scaled = g.node("Mul", norm, g.node("Add", g.scalar(1), parts.get(0)));
            g.output(silu(g, g.node("Add", scaled, parts.get(1))));
          },
          "LINEAR Reshape Split Reshape Reshape GROUPNORM");
    }
  }

  private static List<Value> split(TestGraph g, Value v) {
    return g.nodes(2, "Split", Attributes.of("axis", 1, "num_outputs", 2), v);
  }

  private static List<Value> sliced(TestGraph g, Value v) {
    return List.of(
        g.node("Slice", v, g.longs(0), g.longs(6), g.longs(1)),
        g.node("Slice", v, g.longs(6), g.longs(12), g.longs(1)));
  }

  @Test
  void oneNormUnderTwoScales() {
    TestGraph.check(
        g -> {
          Value x = g.input(IMAGE);
          g.output(silu(g, affine(g, grouped(g, x))));
          g.output(silu(g, affine(g, grouped(g, x))));
        },
        "GROUPNORM GROUPNORM");
  }

  @Test
  void normThatTheExporterSharesIsTakenByBothScales() {
    TestGraph.check(
        g -> {
          Value norm = grouped(g, g.input(IMAGE));
          g.output(silu(g, affine(g, norm)));
          g.output(silu(g, affine(g, norm)));
        },
        "GROUPNORM GROUPNORM");
    TestGraph.check(
        g -> {
          Value norm = grouped(g, g.input(IMAGE));
          g.output(affine(g, norm));
          g.output(g.node("Tanh", norm));
        },
        "GROUPNORM Mul Add Tanh");
  }

  @Test
  void positiveFactorBeforeTheNormBecomesEpsilon() {
    TestGraph.check(
        g -> g.output(grouped(g, g.node("Div", g.input(IMAGE), g.scalar(1.4142135)))), "GROUPNORM");
    TestGraph.check(
        g -> g.output(grouped(g, g.node("Mul", g.input(IMAGE), g.scalar(-2)))), "Mul GROUPNORM");
  }

  @Test
  void layerNormWrittenOut() {
    for (boolean pow : new boolean[] {false, true}) {
      TestGraph.check(
          g -> {
            Value x = g.input(2, 3, 8);
            Value centred = g.node("Sub", x, g.node("ReduceMean", x, g.longs(-1)));
            Value square =
                pow ? g.node("Pow", centred, g.scalar(2)) : g.node("Mul", centred, centred);
            Value variance = g.node("ReduceMean", square, g.longs(-1));
            Value deviation = g.node("Sqrt", g.node("Add", variance, g.scalar(1e-5)));
            Value norm = g.node("Div", centred, deviation);
            g.output(g.node("Add", g.node("Mul", norm, g.weight(8)), g.weight(8)));
          },
          "LayerNormalization");
    }
  }

  @Test
  void meanOverAnotherAxisIsNoLayerNorm() {
    TestGraph.check(
        g -> {
          Value x = g.input(2, 8, 8);
          Value centred = g.node("Sub", x, g.node("ReduceMean", x, g.longs(1)));
          Value variance = g.node("ReduceMean", g.node("Mul", centred, centred), g.longs(1));
          Value deviation = g.node("Sqrt", g.node("Add", variance, g.scalar(1e-5)));
          Value norm = g.node("Div", centred, deviation);
          g.output(g.node("Add", g.node("Mul", norm, g.weight(8)), g.weight(8)));
        },
        "ReduceMean Sub Mul ReduceMean Add Sqrt Div Mul Add");
  }

  @Test
  void layerNormWithoutFactorAndSummand() {
    TestGraph.check(
        g -> {
          Value x = g.input(2, 3, 8);
          Value centred = g.node("Sub", x, g.node("ReduceMean", x, g.longs(-1)));
          Value variance = g.node("ReduceMean", g.node("Mul", centred, centred), g.longs(-1));
          Value deviation = g.node("Sqrt", g.node("Add", variance, g.scalar(1e-5)));
          // A factor per sample is no gamma.
          g.output(g.node("Mul", g.node("Div", centred, deviation), g.input(2, 1, 8)));
        },
        "LayerNormalization Mul");
  }

  @Test
  void rmsNormWrittenOut() {
    for (String form : new String[] {"Div", "Reciprocal", "1/"}) {
      TestGraph.check(
          g -> {
            Value x = g.input(2, 3, 8);
            Value mean = g.node("ReduceMean", g.node("Pow", x, g.scalar(2)), g.longs(-1));
            Value root = g.node("Sqrt", g.node("Add", mean, g.scalar(1e-6)));
            Value norm =
                switch (form) {
                  case "Div" -> g.node("Div", x, root);
                  case "1/" -> g.node("Mul", x, g.node("Div", g.scalar(1), root));
                  default -> g.node("Mul", g.node("Reciprocal", root), x);
                };
            g.output(g.node("Mul", norm, g.weight(8)));
          },
          "RMSNormalization");
    }
  }

  @Test
  void rootOfAnotherMeanIsNoRmsNorm() {
    TestGraph.check(
        g -> {
          Value x = g.input(2, 3, 8);
          Value mean = g.node("ReduceMean", g.node("Pow", x, g.scalar(3)), g.longs(-1));
          Value root = g.node("Sqrt", g.node("Add", g.node("Abs", mean), g.scalar(1)));
          g.output(g.node("Div", x, root));
        },
        "Pow ReduceMean Abs Add Sqrt Div");
  }
}
