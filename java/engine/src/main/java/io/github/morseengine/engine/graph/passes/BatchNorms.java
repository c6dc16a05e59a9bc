package io.github.morseengine.engine.graph.passes;

import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.tensor.Tensor;
import java.lang.foreign.Arena;
import java.util.Arrays;

/**
 * Batch normalisation by known statistics is a factor and a summand per channel: {@code a = scale /
 * sqrt(variance + epsilon)}, {@code b = bias - a mean}. Behind a convolution both move into its
 * weights and bias.
 */
final class BatchNorms implements Pass {

  @Override
  public boolean apply(Graph graph) {
    return Rewriter.sweep(
        graph,
        (r, n) -> {
          if (n.is("BatchNormalization") && Match.isReal(n.input(0)) && known(n)) {
            rewrite(r, n);
          }
        });
  }

  private static boolean known(Node n) {
    long channels = n.input(0).rank() > 1 ? n.input(0).shape()[1] : -1;
    for (int i = 1; i < 5; i++) {
      Value v = n.input(i);
      if (v == null || !v.isConstant() || v.elements() != channels) {
        return false;
      }
    }
    return true;
  }

  private static Tensor of(Value v) {
    return v.constant().materialize(Arena.ofAuto());
  }

  private static void rewrite(Rewriter r, Node n) {
    Tensor scale = of(n.input(1));
    Tensor bias = of(n.input(2));
    Tensor mean = of(n.input(3));
    Tensor variance = of(n.input(4));
    double epsilon = n.attributes().getFloat("epsilon", 1e-5f);
    int channels = (int) scale.elements();
    double[] a = new double[channels];
    double[] b = new double[channels];
    for (int c = 0; c < channels; c++) {
      a[c] = scale.getDouble(c) / Math.sqrt(variance.getDouble(c) + epsilon);
      b[c] = bias.getDouble(c) - a[c] * mean.getDouble(c);
    }
    Node conv = Match.producer(n.input(0), "Conv");
    Value old = conv == null ? null : conv.input(2);
    boolean into =
        conv != null
            && r.usedOnce(n.input(0))
            && conv.input(1).isConstant()
            && conv.input(1).elements() <= Constants.CHEAP_WEIGHTS
            && (old == null || old.isConstant());
    if (into) {
      Tensor w = of(conv.input(1));
      long each = w.elements() / Math.max(1, channels);
      Value weights =
          Constants.vector(
              conv.input(1).name(), w.elements(), i -> w.getDouble(i) * a[(int) (i / each)]);
      weights =
          Value.ofConstant(
              weights.name(), weights.constant().reshape(conv.input(1).shape().clone()));
      Tensor before = old == null ? null : of(old);
      Value sum =
          Constants.vector(
              n.name() + "/bias",
              channels,
              c -> b[(int) c] + (before == null ? 0 : before.getDouble(c) * a[(int) c]));
      r.put(
          n, conv.name(), "", "Conv", conv.opset(), conv.attributes(), conv.input(0), weights, sum);
      return;
    }
    long[] shape = new long[n.input(0).rank() - 1];
    Arrays.fill(shape, 1);
    shape[0] = channels;
    Value product =
        r.emit(
            n.name() + "/scaled",
            "",
            "Mul",
            Attributes.NONE,
            n.output(0).shape(),
            n.input(0),
            each(n.name() + "/scale", a, shape));
    r.put(
        n,
        n.name(),
        "",
        "Add",
        n.opset(),
        Attributes.NONE,
        product,
        each(n.name() + "/shift", b, shape));
  }

  private static Value each(String name, double[] values, long[] shape) {
    Value flat = Constants.vector(name, values.length, i -> values[(int) i]);
    return Value.ofConstant(name, flat.constant().reshape(shape));
  }
}
