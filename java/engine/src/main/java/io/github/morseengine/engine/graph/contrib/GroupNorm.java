package io.github.morseengine.engine.graph.contrib;

import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Value;
import java.util.List;

/** Group normalisation with SiLU behind, channels last or first, and sums in front. */
final class GroupNorm {

  private GroupNorm() {}

  static void plain(Expansion e) {
    norm(e, e.in(0));
  }

  /** S = X + skip + bias, Y = norm(S); skip is like X or [N,1,1,C] or [N,C]. */
  static void skip(Expansion e) {
    Value x = e.in(0);
    Value skip = e.in(3);
    Value bias = e.in(4);
    boolean last = channelsLast(e);
    if (skip.rank() == 2) {
      long[] s = skip.shape();
      skip = last ? e.reshape(skip, s[0], 1, 1, s[1]) : e.reshape(skip, s[0], s[1], 1, 1);
    }
    if (bias != null && !last) {
      bias = e.reshape(bias, bias.shape()[0], 1, 1);
    }
    Value sum = e.node().output(1) == null ? e.temporary("sum") : e.node().output(1);
    Value first = bias == null ? x : e.add("Add", Attributes.NONE, x, bias);
    e.add("Add", Attributes.NONE, List.of(sum), first, skip);
    norm(e, sum);
  }

  private static boolean channelsLast(Expansion e) {
    return e.node().attributes().getInt("channels_last", 1) == 1;
  }

  private static void norm(Expansion e, Value x) {
    Attributes a = e.node().attributes();
    if (e.in(0).rank() != 4) {
      throw new InvalidInputException("it takes images, not " + e.in(0));
    }
    boolean last = channelsLast(e);
    long activation = a.getInt("activation", 0);
    Value images = last ? e.transpose(x, 0, 3, 1, 2) : x;
    Attributes groups =
        Attributes.of("num_groups", a.getInt("groups", 1), "epsilon", a.getFloat("epsilon", 1e-5f));
    Value gamma = e.like(e.in(1), e.in(0));
    Value beta = e.like(e.in(2), e.in(0));
    Value y = e.add("GroupNormalization", groups, images, gamma, beta);
    if (activation == 1) {
      y = e.add("Swish", Attributes.NONE, y);
    }
    long[] order = last ? new long[] {0, 2, 3, 1} : new long[] {0, 1, 2, 3};
    e.out(0, "Transpose", Attributes.of("perm", order), y);
  }
}
