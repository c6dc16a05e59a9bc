package io.github.morseengine.engine.backend.reference;

import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.error.UnsupportedOpException;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.ShapeRules;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import java.util.Arrays;

/** Operators that make or change shapes. */
final class Shaping {

  private Shaping() {}

  static Tensor run(Node node, Tensor[] in) {
    Tensor x = in[0];
    return switch (node.opType()) {
      case "Shape" -> {
        long[] s = ShapeRules.shapeSlice(node, x.shape());
        yield Tensor.ofLongs(s, s.length);
      }
      case "Size" -> Tensor.ofLongs(new long[] {x.elements()});
      case "Reshape" -> x.reshape(ShapeRules.reshape(node, x.shape(), in[1].toLongs()));
      case "Flatten" -> x.reshape(ShapeRules.flatten(node, x.shape()));
      case "Squeeze" -> x.reshape(ShapeRules.squeeze(node, x.shape(), longs(in, 1)));
      case "Unsqueeze" -> x.reshape(ShapeRules.unsqueeze(node, x.shape(), longs(in, 1)));
      case "ConstantOfShape" -> {
        Tensor value = node.attributes().getTensor("value");
        DType dtype = value == null ? DType.FLOAT32 : value.dtype();
        Tensor out = Tensor.allocate(dtype, x.toLongs());
        for (long i = 0; value != null && i < out.elements(); i++) {
          if (dtype.isFloat()) {
            out.setDouble(i, value.getDouble(0));
          } else {
            out.setLong(i, value.getLong(0));
          }
        }
        yield out;
      }
      case "Range" -> range(in);
      case "EyeLike" -> eye(node, x);
      default -> throw new UnsupportedOpException(Arrays.toString(in));
    };
  }

  private static Tensor range(Tensor[] in) {
    if (in[2].getDouble(0) == 0) {
      throw new InvalidInputException("a range with step 0 never ends");
    }
    Tensor out = Tensor.allocate(in[0].dtype(), ShapeRules.rangeLength(in[0], in[1], in[2]));
    for (long i = 0; i < out.elements(); i++) {
      if (out.dtype().isFloat()) {
        out.setDouble(i, in[0].getDouble(0) + i * in[2].getDouble(0));
      } else {
        out.setLong(i, in[0].getLong(0) + i * in[2].getLong(0));
      }
    }
    return out;
  }

  private static Tensor eye(Node node, Tensor x) {
    ReferenceOps.check(x.rank() == 2, "EyeLike takes a matrix, not " + x);
    DType named = DType.ofOnnx((int) node.attributes().getInt("dtype", x.dtype().onnxCode()));
    Tensor out = Tensor.allocate(named, x.shape());
    long diagonal = node.attributes().getInt("k", 0);
    for (long row = 0; row < x.dim(0); row++) {
      long column = row + diagonal;
      if (column >= 0 && column < x.dim(1)) {
        out.setDouble(row * x.dim(1) + column, 1);
      }
    }
    return out;
  }

  /** A mask that leaves everything. */
  static Tensor ones(long... shape) {
    Tensor out = Tensor.allocate(DType.BOOL, shape);
    out.data().fill((byte) 1);
    return out;
  }

  static long[] longs(Tensor[] in, int i) {
    return i < in.length && in[i] != null ? in[i].toLongs() : null;
  }
}
