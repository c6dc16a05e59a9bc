package io.github.morseengine.engine.backend.reference;

import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.error.UnsupportedOpException;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;

/** Operators on the bits of whole numbers, broadcast by ONNX's rule. */
final class Bitwise {

  private Bitwise() {}

  static Tensor run(Node node, Tensor[] in) {
    for (Tensor t : in) {
      if (t.dtype().isFloat()) {
        throw new InvalidInputException(node.opType() + " takes whole numbers, not " + t);
      }
    }
    Tensor a = in[0];
    if (node.opType().equals("BitwiseNot")) {
      Tensor out = Tensor.allocate(a.dtype(), a.shape());
      for (long i = 0; i < out.elements(); i++) {
        out.setLong(i, ~a.getLong(i));
      }
      return out;
    }
    boolean left = "LEFT".equals(node.attributes().getString("direction", ""));
    long[] shape = Binary.shape(a, in[1]);
    Tensor out = Tensor.allocate(a.dtype(), shape);
    Walk wa = new Walk(a.shape(), shape);
    Walk wb = new Walk(in[1].shape(), shape);
    for (long i = 0; i < out.elements(); i++) {
      long x = a.getLong(wa.next());
      long y = in[1].getLong(wb.next());
      out.setLong(
          i,
          switch (node.opType()) {
            case "BitwiseAnd" -> x & y;
            case "BitwiseOr" -> x | y;
            case "BitwiseXor" -> x ^ y;
            case "BitShift" -> left ? left(x, y) : right(x, y, a.dtype() == DType.UINT64);
            default ->
                throw new UnsupportedOpException("operator " + node.opType() + " is unknown");
          });
    }
    return out;
  }

  /** Distances count as unsigned numbers; from 64 on, where Java begins anew, no bit is left. */
  private static long left(long x, long by) {
    return by < 0 || by > 63 ? 0 : x << by;
  }

  /** Signed numbers, which are below 0 here, draw their sign after them. */
  private static long right(long x, long by, boolean unsigned) {
    boolean all = by < 0 || by > 63;
    return unsigned ? all ? 0 : x >>> by : x >> (all ? 63 : by);
  }
}
