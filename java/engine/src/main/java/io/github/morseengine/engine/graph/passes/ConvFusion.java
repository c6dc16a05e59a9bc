package io.github.morseengine.engine.graph.passes;

import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.FusedOps;
import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.ir.Window;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.LongStream;

/**
 * Conv with constant weights becomes the fused Conv, with zero padding or nearest-neighbour
 * doubling before it and a bias that was added after it taken in.
 */
final class ConvFusion implements Pass {

  @Override
  public boolean apply(Graph graph) {
    return Rewriter.sweep(
        graph,
        (r, n) -> {
          if (n.is("Conv")) {
            conv(r, n);
          } else if (n.isFused(FusedOps.CONV)) {
            padded(r, n);
          } else if (n.is("Add")) {
            for (int i = 0; i < 2; i++) {
              if (bias(r, n, Match.fused(n.input(i), FusedOps.CONV), n.input(1 - i))) {
                return;
              }
            }
          }
        });
  }

  private static void conv(Rewriter r, Node n) {
    Value x = n.input(0);
    if (!Match.isReal(x) || !n.input(1).isConstant()) {
      return;
    }
    Map<String, Object> extra = new HashMap<>();
    extra.put("pads", pads(n));
    Node resize = Match.producer(x, "Resize");
    if (resize != null && doubles(resize) && r.usedOnce(x)) {
      extra.put("upsample", 2L);
      x = resize.input(0);
    }
    Attributes a = Rewriter.copy(n, extra, "strides", "dilations", "group", "kernel_shape");
    r.fuse(n, n.name(), FusedOps.CONV, a, x, n.input(1), n.input(2));
  }

  /** The padding in numbers, also where the node says SAME or VALID. */
  private static long[] pads(Node conv) {
    long[] image = conv.input(0).shape();
    long[] weight = conv.input(1).shape();
    Window w =
        Window.of(
            conv,
            Arrays.copyOfRange(image, 2, image.length),
            Arrays.copyOfRange(weight, 2, weight.length));
    return LongStream.concat(Arrays.stream(w.padsBegin()), Arrays.stream(w.padsEnd())).toArray();
  }

  /** Zeros put around the input become padding of the convolution. */
  private static void padded(Rewriter r, Node conv) {
    Node pad = Match.producer(conv.input(0), "Pad");
    boolean zeros =
        pad != null
            && r.usedOnce(conv.input(0))
            && conv.attributes().getInt("upsample", 1) == 1
            && pad.attributes().getString("mode", "constant").equals("constant")
            && pad.input(1) != null
            && (pad.input(2) == null || Match.scalar(pad.input(2)) == 0)
            && pad.input(3) == null;
    if (!zeros) {
      return;
    }
    int spatial = pad.input(0).rank() - 2;
    long[] amounts = Match.longs(pad.input(1));
    long[] given = conv.attributes().getInts("pads");
    long[] pads = given == null ? new long[2 * spatial] : given;
    for (int side = 0; side < 2; side++) {
      for (int d = 0; d < spatial + 2; d++) {
        long amount = amounts[side * (spatial + 2) + d];
        if (amount < 0 || d < 2 && amount != 0) {
          return;
        }
        if (d >= 2) {
          pads[side * spatial + d - 2] += amount;
        }
      }
    }
    Value[] in = conv.inputs().toArray(Value[]::new);
    in[0] = pad.input(0);
    r.fuse(conv, conv.name(), FusedOps.CONV, conv.attributes().with("pads", pads), in);
  }

  private static boolean bias(Rewriter r, Node n, Node conv, Value by) {
    if (conv == null
        || conv.input(2) != null
        || conv.input(3) != null
        || !by.isConstant()
        || !r.usedOnce(conv.output(0))
        || Epilogues.activation(conv) != null) {
      return false;
    }
    long channels = conv.input(1).shape()[0];
    int axis = by.rank() - (conv.output(0).rank() - 1);
    if (axis < 0 || by.elements() != channels || by.shape()[axis] != channels) {
      return false;
    }
    Value flat = Value.ofConstant(by.name(), by.constant().reshape(channels));
    r.fuse(n, conv.name(), FusedOps.CONV, conv.attributes(), conv.input(0), conv.input(1), flat);
    return true;
  }

  /** Whether a Resize repeats every pixel twice per side. */
  private static boolean doubles(Node n) {
    long[] in = n.input(0).shape();
    long[] out = n.output(0).shape();
    String coordinates = n.attributes().getString("coordinate_transformation_mode", "half_pixel");
    String rounding = n.attributes().getString("nearest_mode", "round_prefer_floor");
    boolean repeats =
        coordinates.equals("asymmetric") && rounding.equals("floor")
            || coordinates.equals("half_pixel") && rounding.startsWith("round_prefer");
    return n.opset() >= 11
        && n.attributes().getString("mode", "nearest").equals("nearest")
        && repeats
        && in.length == 4
        && out[0] == in[0]
        && out[1] == in[1]
        && out[2] == 2 * in[2]
        && out[3] == 2 * in[3]
        && exactly(n.input(2));
  }

  /** A scale of 2.1 doubles a side of four too, but repeats other pixels. */
  private static boolean exactly(Value scales) {
    return scales == null
        || scales.elements() == 0
        || Arrays.equals(
            scales.constant().materialize(Arena.ofAuto()).toFloats(), new float[] {1, 1, 2, 2});
  }
}
