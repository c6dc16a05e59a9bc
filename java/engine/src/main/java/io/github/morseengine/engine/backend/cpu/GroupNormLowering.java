package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.tensor.DType;
import java.util.ArrayList;
import java.util.List;

/**
 * Group normalisation with pre-add, modulation and SiLU in two passes over memory: sums per
 * channel, then one affine map per channel with the activation. y = act(x * a[n,c] + b[n,c]), where
 * a and b hold the statistics and all of beta, gamma, A, M and S (see {@link
 * io.github.morseengine.engine.ir.FusedOps#GROUP_NORM}).
 */
final class GroupNormLowering {

  /** System property: java for our own loops, onednn for primitives; otherwise as fits the JVM. */
  static final String KERNELS = "morse.cpu.group-norm";

  private GroupNormLowering() {}

  /**
   * Our loops are the faster of the two, but only where the JVM's optimising compiler vectorises
   * them. A JVM that was told to do without it for a quick start says so in its description.
   */
  private static boolean prefersPrimitives() {
    String chosen = System.getProperty(KERNELS, "auto");
    String jvm = System.getProperty("java.vm.info", "");
    boolean plain = jvm.contains("emulated-client") || jvm.contains("interpreted");
    return chosen.equals("onednn") || plain && !chosen.equals("java");
  }

  static void lower(Program p, Node node) {
    View x = p.channelsLast(p.get(node.input(0)));
    View y = p.allocate(DType.FLOAT32, x.shape(), View.channelsLast(x.shape()));
    View gamma = optional(p, node.input(1));
    View beta = optional(p, node.input(2));
    View pre = optional(p, node.input(3));
    View multiplier = optional(p, node.input(4));
    View shift = optional(p, node.input(5));
    List<View> views = new ArrayList<>(List.of(x, y));
    for (View v : new View[] {gamma, beta, pre, multiplier, shift}) {
      if (v != null) {
        views.add(v);
      }
    }
    GroupNormKernel.Spec spec =
        new GroupNormKernel.Spec(
            (int) node.attributes().getInt("num_groups", 1),
            node.attributes().getFloat("epsilon", 1e-5f),
            node.attributes().getString("activation", "none").equals("silu"));
    View[] extra = {gamma, beta, pre, multiplier, shift};
    if (prefersPrimitives() && GroupNormPrimitives.add(p, spec, x, y, extra)) {
      p.put(node.output(0), y);
      return;
    }
    p.add(
        new JavaStep("group norm", views, b -> new GroupNormKernel(b, spec, x, y, extra)),
        spec.silu() ? "GroupNorm+SiLU" : "GroupNorm",
        x.elements() * 8);
    p.put(node.output(0), y);
  }

  private static View optional(Program p, Value v) {
    return v == null ? null : p.dense(p.get(v));
  }
}
