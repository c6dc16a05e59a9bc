package io.github.morseengine.engine.graph.passes;

import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;

/** A mean over the last axis that keeps it as 1. */
final class RowMean {

  private RowMean() {}

  /** The node that computes a value, if it is such a mean; else null. */
  static Node of(Value v) {
    Node n = Match.producer(v, "ReduceMean");
    if (n == null || n.attributes().getInt("keepdims", 1) != 1 || n.input(0).rank() == 0) {
      return null;
    }
    long[] shape = n.input(0).shape();
    long[] out = v.shape();
    for (int d = 0; d < shape.length; d++) {
      if (out[d] != (d == shape.length - 1 ? 1 : shape[d])) {
        return null;
      }
    }
    return n;
  }
}
