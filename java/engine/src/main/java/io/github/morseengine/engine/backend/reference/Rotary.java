package io.github.morseengine.engine.backend.reference;

import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.tensor.Tensor;

/** RotaryEmbedding (Su et al. 2021): pairs of features are turned by an angle of the position. */
final class Rotary {

  private Rotary() {}

  static Tensor run(Node node, Tensor[] in) {
    Attributes a = node.attributes();
    Tensor x = in[0];
    boolean flat = x.rank() == 3;
    long heads = flat ? a.getInt("num_heads", 0) : x.dim(1);
    ReferenceOps.check(
        heads > 0 && (!flat || x.dim(2) % heads == 0), "width does not divide by num_heads");
    long length = flat ? x.dim(1) : x.dim(2);
    long size = flat ? x.dim(2) / heads : x.dim(3);
    long turned = a.getInt("rotary_embedding_dim", 0);
    long half = (turned == 0 ? size : turned) / 2;
    boolean interleaved = a.getInt("interleaved", 0) == 1;
    Tensor positions = in.length > 3 ? in[3] : null;
    Tensor out = Tensor.allocate(x.dtype(), x.shape());
    out.data().copyFrom(x.data());
    for (long row = 0; row < x.elements() / Math.max(1, size); row++) {
      // Rows are [N,L,H] in three dimensions and [N,H,L] in four.
      long at = row / (heads * length) * length + (flat ? row / heads : row) % length;
      long angle = (positions == null ? at : positions.getLong(at)) * half;
      for (long i = 0; i < half; i++) {
        long first = row * size + (interleaved ? 2 * i : i);
        long second = row * size + (interleaved ? 2 * i + 1 : half + i);
        double cos = in[1].getDouble(angle + i);
        double sin = in[2].getDouble(angle + i);
        out.setDouble(first, cos * x.getDouble(first) - sin * x.getDouble(second));
        out.setDouble(second, sin * x.getDouble(first) + cos * x.getDouble(second));
      }
    }
    return out;
  }
}
