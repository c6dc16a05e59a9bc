package io.github.morseengine.engine.graph.contrib;

import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Value;
import java.util.List;

/** GELU in its exact, tanh and sigmoid forms, with a bias in front and gated. */
final class Gelus {

  private static final Attributes EXACT = Attributes.of("approximate", "none");
  private static final Attributes TANH = Attributes.of("approximate", "tanh");
  private static final float QUICK = 1.702f;

  private Gelus() {}

  static void plain(Expansion e) {
    e.out(0, "Gelu", EXACT, e.in(0));
  }

  static void bias(Expansion e) {
    e.out(0, "Gelu", EXACT, e.add("Add", Attributes.NONE, e.in(0), e.in(1)));
  }

  static void fast(Expansion e) {
    Value x = e.in(1) == null ? e.in(0) : e.add("Add", Attributes.NONE, e.in(0), e.in(1));
    e.out(0, "Gelu", TANH, x);
  }

  /** x * sigmoid(alpha x). */
  static void quick(Expansion e) {
    float alpha = e.node().attributes().getFloat("alpha", QUICK);
    e.out(0, "Swish", Attributes.of("alpha", alpha), e.in(0));
  }

  /** a * gelu(b), where a and b are the halves of X + bias. */
  static void split(Expansion e) {
    Value sum = e.add("Add", Attributes.NONE, e.in(0), e.in(1));
    Value a = e.temporary("half");
    Value b = e.temporary("gate");
    e.add("Split", Attributes.of("axis", -1, "num_outputs", 2), List.of(a, b), sum);
    e.out(0, "Mul", Attributes.NONE, a, e.add("Gelu", EXACT, b));
  }
}
