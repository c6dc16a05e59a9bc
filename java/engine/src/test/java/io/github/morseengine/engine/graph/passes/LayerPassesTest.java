package io.github.morseengine.engine.graph.passes;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.tensor.DType;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Convolutions and linear layers with their bias, residual, activation and padding. */
class LayerPassesTest {

  private static final Attributes SAME = Attributes.of("pads", new long[] {1, 1, 1, 1});

  private static Value conv(TestGraph g, Value x) {
    return g.node("Conv", SAME, x, g.weight(4, 4, 3, 3));
  }

  private static Value silu(TestGraph g, Value x) {
    return g.node("Mul", x, g.node("Sigmoid", x));
  }

  @Test
  void automaticPaddingIsFusedAsNumbers() {
    for (String pad : List.of("SAME_UPPER", "SAME_LOWER", "VALID")) {
      Attributes a = new Attributes(Map.of("auto_pad", pad, "strides", new long[] {2, 1}));
      Graph graph =
          TestGraph.check(
              g -> {
                Value y = g.node("Conv", a, g.input(2, 4, 7, 6), g.weight(4, 4, 3, 2));
                g.output(g.node("Mul", y, g.node("Sigmoid", y)));
              },
              "CONV");
      assertEquals("silu", graph.nodes().getFirst().attributes().getString("activation", ""));
    }
  }

  @Test
  void biasResidualAndActivationJoinTheConvolution() {
    Graph graph =
        TestGraph.check(
            g -> {
              Value x = g.input(2, 4, 5, 3);
              Value y = g.node("Add", conv(g, x), g.weight(4, 1, 1));
              g.output(silu(g, g.node("Add", x, y)));
            },
            "CONV");
    Node conv = graph.nodes().getFirst();
    assertEquals(4, conv.inputs().size());
    assertEquals("silu", conv.attributes().getString("activation", ""));
  }

  @Test
  void onlyOneConvolutionTakesTheOther() {
    TestGraph.check(
        g -> {
          Value x = g.input(2, 4, 5, 3);
          Value shortcut = g.node("Conv", x, g.weight(4, 4, 1, 1), g.weight(4));
          g.output(g.node("Add", shortcut, conv(g, silu(g, x))));
        },
        "SILU CONV CONV");
  }

  @Test
  void resultThatOthersReadIsKept() {
    TestGraph.check(
        g -> {
          Value x = g.input(2, 4, 5, 3);
          Value y = conv(g, x);
          g.output(silu(g, y));
          g.output(g.node("Add", x, y));
        },
        "CONV SILU Add");
  }

  @Test
  void activationComesAfterTheResidualOnly() {
    TestGraph.check(
        g -> {
          Value x = g.input(2, 4, 5, 3);
          g.output(g.node("Add", silu(g, conv(g, x)), x));
        },
        "CONV Add");
  }

  @Test
  void broadcastSumIsNoResidual() {
    TestGraph.check(
        g -> g.output(g.node("Add", conv(g, g.input(2, 4, 5, 3)), g.input(2, 1, 5, 3))),
        "CONV Add");
  }

  @Test
  void zerosAroundTheInputBecomePadding() {
    Graph graph =
        TestGraph.check(
            g -> {
              Value x = g.node("Pad", g.input(2, 4, 5, 3), g.longs(0, 0, 0, 1, 0, 0, 2, 1));
              Attributes a = Attributes.of("strides", new long[] {2, 2});
              g.output(g.node("Conv", a, x, g.weight(4, 4, 3, 3)));
            },
            "CONV");
    long[] pads = graph.nodes().getFirst().attributes().getInts("pads");
    assertArrayEquals(new long[] {0, 1, 2, 1}, pads);
  }

  @Test
  void otherPaddingStays() {
    TestGraph.check(
        g -> {
          Attributes edge = Attributes.of("mode", "edge");
          Value x = g.node("Pad", edge, g.input(2, 4, 5, 3), g.longs(0, 0, 0, 1, 0, 0, 1, 0));
          g.output(conv(g, x));
        },
        "Pad CONV");
    TestGraph.check(
        g -> {
          Value x = g.node("Pad", g.input(2, 4, 5, 3), g.longs(0, 0, 0, 1, 0, 0, 1, 0));
          Value two = g.vector(1, 1, 2, 2);
          Attributes a =
              Attributes.of(
                  "nearest_mode", "floor", "coordinate_transformation_mode", "asymmetric");
          g.output(conv(g, g.node("Resize", a, x, null, two)));
        },
        "Pad CONV");
  }

  @Test
  void doublingJoinsTheConvolution() {
    for (String where : new String[] {"asymmetric", "half_pixel"}) {
      TestGraph.check(
          g -> {
            String rounding = where.equals("asymmetric") ? "floor" : "round_prefer_floor";
            Attributes a =
                Attributes.of("nearest_mode", rounding, "coordinate_transformation_mode", where);
            Value two = g.vector(1, 1, 2, 2);
            g.output(conv(g, g.node("Resize", a, g.input(1, 4, 3, 5), null, two)));
          },
          "CONV");
    }
  }

  @Test
  void otherEnlargementsStay() {
    TestGraph.check(
        g -> {
          Value scales = g.vector(1, 1, 2.1, 2.1);
          Attributes a =
              Attributes.of(
                  "nearest_mode", "floor", "coordinate_transformation_mode", "asymmetric");
          g.output(conv(g, g.node("Resize", a, g.input(1, 4, 4, 4), null, scales)));
        },
        "Resize CONV");
  }

  @Test
  void factorGoesIntoTheWeightsOfBothBranches() {
    TestGraph.check(
        g -> {
          Value x = g.input(2, 4, 5, 3);
          Value shortcut = g.node("Conv", x, g.weight(4, 4, 1, 1), g.weight(4));
          Value sum = g.node("Add", shortcut, conv(g, silu(g, x)));
          g.output(g.node("Div", sum, g.scalar(1.4142135)));
        },
        "SILU CONV CONV");
  }

  @Test
  void factorsInARowBecomeOne() {
    TestGraph.check(
        g -> {
          Value x = g.node("Mul", g.input(2, 3), g.scalar(3));
          x = g.node("Div", x, g.scalar(4));
          g.output(g.node("Mul", g.node("Add", g.scalar(0), x), g.vector(1, 1, 1)));
        },
        "Mul");
  }

  @Test
  void linearLayersFromMatMulAndGemm() {
    TestGraph.check(
        g -> {
          Value y = g.node("MatMul", g.input(2, 3, 4), g.weight(4, 5));
          g.output(g.node("Gelu", g.node("Add", g.weight(5), y)));
        },
        "LINEAR");
    TestGraph.check(
        g -> {
          Attributes a = Attributes.of("transB", 1, "alpha", 0.5f, "beta", 2f);
          g.output(silu(g, g.node("Gemm", a, g.input(3, 4), g.weight(5, 4), g.weight(5))));
        },
        "LINEAR");
    TestGraph.check(
        g -> g.output(g.node("Gemm", g.input(3, 4), g.weight(4, 5), g.input(3, 5))), "LINEAR");
    TestGraph.check(
        g -> g.output(g.node("Gemm", g.input(3, 4), g.weight(4, 5), g.scalar(2))), "LINEAR");
  }

  @Test
  void halfPrecisionIsFusedToo() {
    TestGraph.check(
        g -> {
          Value x = g.node("Round", g.input(3, 4));
          x = g.node("Cast", Attributes.of("to", DType.FLOAT16.onnxCode()), x);
          Value y = g.node("Add", g.node("MatMul", x, g.whole(4, 4)), g.whole(4));
          y = g.node("Add", x, y);
          g.output(g.node("Cast", Attributes.of("to", DType.FLOAT32.onnxCode()), y));
        },
        "Round LINEAR");
  }

  @Test
  void productOfTwoActivationsStays() {
    TestGraph.check(
        g -> {
          Attributes a = Attributes.of("transA", 1);
          Value x = g.node("MatMul", g.input(3, 4), g.input(4, 5));
          g.output(g.node("Gemm", a, x, g.weight(3, 2)));
        },
        "MatMul Gemm");
  }

  @Test
  void residualGoesBackThroughViews() {
    TestGraph.check(
        g -> {
          Value image = g.input(2, 4, 3, 5);
          Value flat = g.node("Reshape", image, g.longs(2, 4, 15));
          Value rows = g.node("Transpose", Attributes.of("perm", new long[] {0, 2, 1}), flat);
          Value y = g.node("MatMul", silu(g, rows), g.weight(4, 4));
          y = g.node("Transpose", Attributes.of("perm", new long[] {0, 2, 1}), y);
          y = g.node("Reshape", y, g.longs(2, 4, 3, 5));
          g.output(g.node("Add", y, image));
        },
        "Reshape Transpose SILU LINEAR Transpose Reshape");
  }
}
