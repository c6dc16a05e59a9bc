package io.github.morseengine.engine.graph.contrib;

import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Value;

/** Convolution with channels last: X [N,H,W,C], W [M,kH,kW,C/group]. */
final class NhwcConv {

  private NhwcConv() {}

  static void expand(Expansion e) {
    Value x = first(e, e.in(0));
    Value w = first(e, e.in(1));
    Attributes a = e.node().attributes();
    Value y = e.in(2) == null ? e.add("Conv", a, x, w) : e.add("Conv", a, x, w, e.in(2));
    int rank = e.in(0).rank();
    long[] last = new long[rank];
    for (int d = 1; d < rank - 1; d++) {
      last[d] = d + 1;
    }
    last[rank - 1] = 1;
    e.out(0, "Transpose", Attributes.of("perm", last), y);
  }

  /** Channels at dimension 1. */
  private static Value first(Expansion e, Value v) {
    int rank = v.rank();
    long[] perm = new long[rank];
    perm[1] = rank - 1L;
    for (int d = 2; d < rank; d++) {
      perm[d] = d - 1;
    }
    return e.transpose(v, perm);
  }
}
