package io.github.morseengine.engine.graph.contrib;

import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Value;
import java.util.ArrayList;
import java.util.List;

/** Layer and RMS normalisation of a sum over the last dimension; the sum is an output too. */
final class SkipLayerNorm {

  private static final float EPSILON = 1e-12f;

  private SkipLayerNorm() {}

  /** Inputs: X, skip, gamma, beta, bias; outputs: Y, mean, inverse deviation, sum. */
  static void layer(Expansion e) {
    Value sum = sum(e, e.in(4));
    List<Value> outputs = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      outputs.add(e.node().output(i));
    }
    Value gamma = e.like(e.in(2), e.in(0));
    Value beta = e.like(e.in(3), e.in(0));
    if (beta == null) {
      e.add("LayerNormalization", epsilon(e), outputs, sum, gamma);
    } else {
      e.add("LayerNormalization", epsilon(e), outputs, sum, gamma, beta);
    }
  }

  /** Inputs: X, skip, gamma, bias; outputs: Y, none, none, sum. */
  static void rms(Expansion e) {
    Value sum = sum(e, e.in(3));
    e.out(0, "RMSNormalization", epsilon(e), sum, e.like(e.in(2), e.in(0)));
  }

  /** RMS normalisation itself, which ONNX has under another name since opset 23. */
  static void simplified(Expansion e) {
    Attributes a = e.node().attributes();
    Attributes own =
        Attributes.of("axis", a.getInt("axis", -1), "epsilon", a.getFloat("epsilon", 1e-5f));
    e.out(0, "RMSNormalization", own, e.in(0), e.like(e.in(1), e.in(0)));
  }

  private static Attributes epsilon(Expansion e) {
    float epsilon = e.node().attributes().getFloat("epsilon", EPSILON);
    return Attributes.of("axis", -1, "epsilon", epsilon);
  }

  private static Value sum(Expansion e, Value bias) {
    Value sum = e.node().output(3) == null ? e.temporary("sum") : e.node().output(3);
    Value first = bias == null ? e.in(0) : e.add("Add", Attributes.NONE, e.in(0), bias);
    e.add("Add", Attributes.NONE, List.of(sum), first, e.in(1));
    return sum;
  }
}
