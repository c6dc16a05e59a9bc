package io.github.morseengine.engine.backend.reference;

import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Shapes;
import io.github.morseengine.engine.tensor.Tensor;

/** QuantizeLinear and DequantizeLinear: one scale for all, per channel, or per block of an axis. */
final class Quantization {

  private Quantization() {}

  /**
   * Finds the scale of an element.
   *
   * @param inner elements behind one position of the axis
   * @param size positions of the axis; 0 where one scale serves all
   * @param block positions that share a scale; 0 where scales repeat for all before the axis
   */
  private record Layout(long inner, long size, long block) {

    static Layout of(Node node, Tensor x, Tensor scale) {
      if (scale.elements() == 1) {
        return new Layout(1, 0, 0);
      }
      int axis = Shapes.axis(node.attributes().getInt("axis", 1), x.rank());
      long block = node.attributes().getInt("block_size", 0);
      long size = x.dim(axis);
      boolean fits = block == 0 ? scale.rank() == 1 && scale.dim(0) == size : block > 0;
      for (int d = 0; block > 0 && fits && d < x.rank(); d++) {
        long expected = d == axis ? Math.ceilDiv(size, block) : x.dim(d);
        fits = scale.rank() == x.rank() && scale.dim(d) == expected;
      }
      ReferenceOps.check(fits, scale + " as scales of " + x + " in blocks of " + block);
      return new Layout(Shapes.strides(x.shape())[axis], size, block);
    }

    long at(long i) {
      if (size == 0) {
        return 0;
      }
      long position = i / inner % size;
      if (block == 0) {
        return position;
      }
      long row = i / (inner * size) * Math.ceilDiv(size, block);
      return (row + position / block) * inner + i % inner;
    }
  }

  static Tensor dequantize(Node node, Tensor[] in) {
    Tensor x = in[0];
    Tensor scale = in[1];
    Tensor zero = in.length > 2 ? in[2] : null;
    DType named = DType.ofOnnx((int) node.attributes().getInt("output_dtype", 0));
    Tensor out = Tensor.allocate(named == null ? scale.dtype() : named, x.shape());
    Layout layout = Layout.of(node, x, scale);
    for (long i = 0; i < out.elements(); i++) {
      long c = layout.at(i);
      double z = zero == null ? 0 : zero.getDouble(c);
      out.setDouble(i, (x.getDouble(i) - z) * scale.getDouble(c));
    }
    return out;
  }

  static Tensor quantize(Node node, Tensor[] in) {
    Tensor x = in[0];
    Tensor scale = in[1];
    Tensor zero = in.length > 2 ? in[2] : null;
    DType to = target(node, zero == null ? null : zero.dtype());
    boolean signed = to == DType.INT8 || to == DType.INT16;
    int bits = 8 * to.bytes();
    double low = signed ? -Math.scalb(1.0, bits - 1) : 0;
    double high = Math.scalb(1.0, signed ? bits - 1 : bits) - 1;
    Tensor out = Tensor.allocate(to, x.shape());
    Layout layout = Layout.of(node, x, scale);
    for (long i = 0; i < out.elements(); i++) {
      long c = layout.at(i);
      double z = zero == null ? 0 : zero.getDouble(c);
      double v = Math.rint((float) (x.getDouble(i) / scale.getDouble(c))) + z;
      out.setLong(i, (long) Math.clamp(v, low, high));
    }
    return out;
  }

  /** The type of a QuantizeLinear's result; uint8 where nothing says it. */
  private static DType target(Node node, DType zero) {
    DType named = DType.ofOnnx((int) node.attributes().getInt("output_dtype", 0));
    return zero != null ? zero : named != null ? named : DType.UINT8;
  }
}
