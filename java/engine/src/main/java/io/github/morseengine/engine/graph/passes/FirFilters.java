package io.github.morseengine.engine.graph.passes;

import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Constant;
import io.github.morseengine.engine.ir.FusedOps;
import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.tensor.Tensor;
import java.lang.foreign.Arena;
import java.util.Arrays;

/**
 * One filter for all channels, as NCSN++ resamples images (Zhang 2019; upfirdn2d): a convolution
 * over [N*C,1,H,W] becomes one of [N,C,H,W] with a group per channel, and a transposed one where
 * zeros were put between the pixels before.
 */
final class FirFilters implements Pass {

  @Override
  public boolean apply(Graph graph) {
    return Rewriter.sweep(
        graph,
        (r, n) -> {
          if (n.is("Transpose")) {
            padding(r, n);
          } else if (n.is("Reshape")) {
            filter(r, n);
          }
        });
  }

  /** Transposes first and pads then, so that the padding comes to stand before its convolution. */
  private static void padding(Rewriter r, Node n) {
    Node pad = Match.producer(n.input(0), "Pad");
    if (pad == null || !r.usedOnce(n.input(0)) || pad.input(1) == null || pad.input(3) != null) {
      return;
    }
    int[] perm = ViewChains.permutation(n);
    long[] old = Match.longs(pad.input(1));
    long[] amounts = new long[old.length];
    for (int d = 0; d < perm.length; d++) {
      amounts[d] = old[perm[d]];
      amounts[perm.length + d] = old[perm.length + perm[d]];
    }
    Value moved = r.transpose(pad.input(0), perm);
    Value list =
        Value.ofConstant(pad.input(1).name(), Constant.of(Tensor.ofLongs(amounts, amounts.length)));
    r.put(n, pad.name(), "", "Pad", pad.opset(), pad.attributes(), moved, list, pad.input(2));
  }

  private static void filter(Rewriter r, Node n) {
    Node conv = Match.fused(n.input(0), FusedOps.CONV);
    long[] y = n.output(0).shape();
    if (conv == null || y.length != 4 || !isSingle(r, conv)) {
      return;
    }
    if (Match.producer(conv.input(0), "Pad") != null) {
      // It joins the convolution first.
      return;
    }
    long[] x = conv.input(0).shape();
    long[] seen = conv.output(0).shape();
    if (y[0] * y[1] != seen[0] || y[2] != seen[2] || y[3] != seen[3]) {
      return;
    }
    if (apart(r, n, conv, y[0], y[1])) {
      return;
    }
    Value image = r.reshape(conv.input(0), y[0], y[1], x[2], x[3]);
    Attributes a = conv.attributes().with("group", y[1]);
    r.fuse(n, conv.name(), FusedOps.CONV, a, image, repeated(conv.input(1), y[1], false));
  }

  /** One channel in and out, and nothing but the filter. */
  private static boolean isSingle(Rewriter r, Node conv) {
    long[] w = conv.input(1).shape();
    return r.usedOnce(conv.output(0))
        && w.length == 4
        && w[0] == 1
        && w[1] == 1
        && conv.inputs().size() == 2
        && conv.attributes().getInt("upsample", 1) == 1
        && Epilogues.activation(conv) == null;
  }

  /**
   * Zeros after each pixel and a filter w of size k behind p zeros: y[j] = sum_i x[i] w[2i - j +
   * p], which is a transposed convolution of stride 2 with the reversed filter and k - 1 - p cut
   * off.
   */
  private static boolean apart(Rewriter r, Node n, Node conv, long batch, long channels) {
    Node view = Match.producer(conv.input(0), "Reshape");
    Node pad = view == null ? null : Match.producer(view.input(0), "Pad");
    if (pad == null || !isZeroInsertion(pad, conv.input(0).shape())) {
      return false;
    }
    long[] pads = conv.attributes().getInts("pads");
    long[] strides = conv.attributes().getInts("strides");
    long[] dilations = conv.attributes().getInts("dilations");
    boolean plain = pads != null && isOnes(strides) && isOnes(dilations);
    long[] cut = new long[4];
    for (int d = 0; plain && d < 2; d++) {
      long size = conv.input(1).shape()[2 + d];
      cut[d] = size - 1 - pads[d];
      cut[2 + d] = size - 2 - pads[2 + d];
      plain = cut[d] >= 0 && cut[2 + d] >= 0;
    }
    if (!plain) {
      return false;
    }
    long[] s = pad.input(0).shape();
    Value image = r.reshape(pad.input(0), batch, channels, s[1], s[3]);
    Attributes a = Attributes.of("strides", new long[] {2, 2}, "pads", cut, "group", channels);
    Value w = repeated(conv.input(1), channels, true);
    r.put(n, conv.name(), "", "ConvTranspose", Rewriter.OPSET, a, image, w);
    return true;
  }

  private static boolean isOnes(long[] list) {
    return list == null || Arrays.stream(list).allMatch(v -> v == 1);
  }

  /** [B,H,1,W,1,..] to [B,H,2,W,2,..], seen by the convolution as [B,1,2H,2W]. */
  private static boolean isZeroInsertion(Node pad, long[] seen) {
    long[] s = pad.input(0).shape();
    boolean zeros =
        pad.attributes().getString("mode", "constant").equals("constant")
            && (pad.input(2) == null || Match.scalar(pad.input(2)) == 0)
            && pad.input(1) != null
            && pad.input(3) == null;
    if (!zeros || s.length < 5 || s[2] != 1 || s[4] != 1) {
      return false;
    }
    long[] wanted = new long[2 * s.length];
    wanted[s.length + 2] = 1;
    wanted[s.length + 4] = 1;
    return Arrays.equals(Match.longs(pad.input(1)), wanted)
        && seen[0] == s[0]
        && seen[2] == 2 * s[1]
        && seen[3] == 2 * s[3];
  }

  /** The filter once per channel, perhaps from its last element to its first. */
  private static Value repeated(Value w, long channels, boolean reversed) {
    Tensor t = w.constant().materialize(Arena.ofAuto());
    long size = t.elements();
    Value flat =
        Constants.vector(
            w.name(), size * channels, i -> t.getDouble(reversed ? size - 1 - i % size : i % size));
    long[] shape = w.shape();
    return Value.ofConstant(w.name(), flat.constant().reshape(channels, 1, shape[2], shape[3]));
  }
}
