package io.github.morseengine.engine.graph.passes;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import org.junit.jupiter.api.Test;

/** Resampling with one filter for all channels, as exports of NCSN++ have it. */
class FirFiltersTest {

  private static Attributes perm(long... order) {
    return Attributes.of("perm", order);
  }

  /** [N*C,H,W,1] padded with zeros at both ends of both sides, filtered: [N*C,h,w,1]. */
  private static Value filtered(TestGraph g, Value x, long before, long after) {
    Value pads = g.longs(0, before, before, 0, 0, after, after, 0);
    Value image = g.node("Transpose", perm(0, 3, 1, 2), g.node("Pad", x, pads));
    return g.node("Transpose", perm(0, 2, 3, 1), g.node("Conv", image, g.weight(1, 1, 4, 4)));
  }

  private static Value every(TestGraph g, Value x, long axis, long start) {
    return g.node("Slice", x, g.longs(start), g.longs(Long.MAX_VALUE), g.longs(axis), g.longs(2));
  }

  @Test
  void filterAndSlicesBecomeOneStridedConvolutionPerChannel() {
    Graph graph =
        TestGraph.check(
            g -> {
              Value x = g.node("Reshape", g.input(2, 3, 6, 7), g.longs(-1, 6, 7, 1));
              Value y = every(g, every(g, filtered(g, x, 1, 1), 1, 0), 2, 0);
              g.output(g.node("Reshape", y, g.longs(2, 3, 3, 3)));
            },
            "CONV");
    Node conv = graph.nodes().getFirst();
    assertEquals(3, conv.attributes().getInt("group", 1));
    assertArrayEquals(new long[] {2, 2}, conv.attributes().getInts("strides"));
  }

  @Test
  void slicesThatStartLaterStay() {
    TestGraph.check(
        g -> {
          Value x = g.node("Reshape", g.input(2, 3, 6, 6), g.longs(-1, 6, 6, 1));
          Value y = every(g, filtered(g, x, 1, 1), 1, 1);
          g.output(g.node("Reshape", y, g.longs(2, 3, 2, 5)));
        },
        "Reshape CONV Slice Reshape");
  }

  @Test
  void zerosBetweenPixelsMakeATransposedConvolution() {
    for (long before : new long[] {2, 1}) {
      TestGraph.check(
          g -> {
            Value x = g.node("Reshape", g.input(2, 3, 4, 5), g.longs(6, 4, 1, 5, 1, 1));
            x = g.node("Pad", x, g.longs(0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0));
            Value y = filtered(g, g.node("Reshape", x, g.longs(6, 8, 10, 1)), before, 1);
            long cut = 2 - before;
            g.output(g.node("Reshape", y, g.longs(2, 3, 8 - cut, 10 - cut)));
          },
          "ConvTranspose");
    }
  }

  @Test
  void stridedSliceOfAResidualSumStays() {
    TestGraph.check(
        g -> {
          Value x = g.input(1, 4, 6, 6);
          Value y = g.node("Add", g.node("Conv", x, g.weight(4, 4, 1, 1)), x);
          g.output(every(g, y, 2, 0));
        },
        "CONV Slice");
  }
}
