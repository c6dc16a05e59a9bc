package io.github.morseengine.engine.ir;

import io.github.morseengine.engine.tensor.Shapes;
import io.github.morseengine.engine.tensor.Tensor;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

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
    ByteBuffer numbers = ByteBuffer.allocate(Math.toIntExact(16 * scales.elements()));
    for (long i = 0; i < scales.elements(); i++) {
      numbers.putDouble(scales.getDouble(i)).putLong(zeros == null ? 0 : zeros.getLong(i));
    }
    try {
      byte[] digest = MessageDigest.getInstance("SHA-256").digest(numbers.array());
      return "*" + axis + "[" + HexFormat.of().formatHex(digest) + "]";
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
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
