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

  /** Converts as many elements of {@code from} as {@code to} has, from {@code first} on. */
  void apply(Tensor from, long first, Tensor to) {
    long positions = scales.elements();
    long inner = positions == 1 ? from.elements() : Shapes.strides(from.shape())[axis];
    long end = first + to.elements();
    for (long at = first; at < end; ) {
      long line = at / inner;
      long position = line % positions;
      double scale = scales.getDouble(position);
      double zero = zeros == null ? 0 : zeros.getDouble(position);
      for (long stop = Math.min(end, (line + 1) * inner); at < stop; at++) {
        to.setDouble(at - first, (from.getDouble(at) - zero) * scale);
      }
    }
  }
}
