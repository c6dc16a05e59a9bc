package io.github.morseengine.engine.ir;

import io.github.morseengine.engine.tensor.Shapes;
import io.github.morseengine.engine.tensor.Tensor;
import java.util.StringJoiner;

/**
 * How stored integers become numbers: {@code (q - zero) * scale}.
 *
 * @param scales one for all, or one per position of the axis
 * @param zeros as many; null for 0
 * @param axis the axis of several scales
 */
record Scaling(Tensor scales, Tensor zeros, int axis) {

  /** What distinguishes this scaling from others of the same integers. */
  String key() {
    StringJoiner key = new StringJoiner(",", "*" + axis + "[", "]");
    for (long i = 0; i < scales.elements(); i++) {
      String zero = zeros == null ? "" : "-" + zeros.getLong(i);
      key.add(Long.toHexString(Double.doubleToRawLongBits(scales.getDouble(i))) + zero);
    }
    return key.toString();
  }

  void apply(Tensor from, Tensor to) {
    long positions = scales.elements();
    long inner = positions == 1 ? from.elements() : Shapes.strides(from.shape())[axis];
    for (long line = 0; line < from.elements() / Math.max(1, inner); line++) {
      long at = line % positions;
      double scale = scales.getDouble(at);
      double zero = zeros == null ? 0 : zeros.getDouble(at);
      long end = (line + 1) * inner;
      for (long i = line * inner; i < end; i++) {
        to.setDouble(i, (from.getDouble(i) - zero) * scale);
      }
    }
  }
}
