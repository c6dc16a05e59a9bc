package io.github.morseengine.engine.graph.infer;

import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.error.UnsupportedOpException;
import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.EinsumSpec;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.ShapeRules;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Shapes;
import io.github.morseengine.engine.tensor.Tensor;
import java.lang.foreign.Arena;
import java.util.Arrays;

/** Output types of every operator, from the types of its inputs and the constants among them. */
final class TypeRules {

  private TypeRules() {}

  /** Sets the types of a node's outputs; all inputs have types. */
  static void infer(Node node) {
    Value x = node.input(0);
    Attributes a = node.attributes();
    switch (node.opType()) {
      case "Add", "Sub", "Mul", "Div", "PRelu", "Pow", "Mod", "Max", "Min", "Sum", "Mean" ->
          set(node, 0, x.dtype(), broadcast(node, 0));
      case "Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "And", "Or", "Xor" ->
          set(node, 0, DType.BOOL, broadcast(node, 0));
      case "Where" -> set(node, 0, node.input(1).dtype(), broadcast(node, 0));
      case "IsNaN", "IsInf", "Not" -> set(node, 0, DType.BOOL, x.shape());
      case "Cast" -> set(node, 0, castTarget(node), x.shape());
      case "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike" -> {
        DType named = DType.ofOnnx((int) a.getInt("dtype", x == null ? 1 : x.dtype().onnxCode()));
        check(named != null && named.isFloat(), "random numbers of an unknown type");
        set(node, 0, named, x == null ? a.getInts("shape") : x.shape());
      }
      case "BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor" ->
          set(node, 0, x.dtype(), broadcast(node, 0));
      case "EyeLike" -> {
        DType named = DType.ofOnnx((int) a.getInt("dtype", x.dtype().onnxCode()));
        check(named != null && x.rank() == 2, "a matrix of a known type is needed, not " + x);
        set(node, 0, named, x.shape());
      }
      case "QuantizeLinear" -> {
        DType named = DType.ofOnnx((int) a.getInt("output_dtype", 0));
        Value zero = node.input(2);
        set(node, 0, zero != null ? zero.dtype() : named != null ? named : DType.UINT8, x.shape());
      }
      case "DequantizeLinear" -> {
        DType named = DType.ofOnnx((int) a.getInt("output_dtype", 0));
        set(node, 0, named == null ? node.input(1).dtype() : named, x.shape());
      }
      case "Dropout" -> {
        // Without a ratio there is nothing to drop, even where training_mode is on.
        boolean drops = node.input(2) != null && need(node, 2).getLong(0) != 0;
        if (drops && (node.input(1) == null || need(node, 1).getDouble(0) != 0)) {
          throw new UnsupportedOpException("it is in training mode: export for inference");
        }
        set(node, 0, x.dtype(), x.shape());
        if (node.output(1) != null) {
          set(node, 1, DType.BOOL, x.shape());
        }
      }
      case "BatchNormalization" -> {
        if (a.getInt("training_mode", 0) != 0 || node.output(1) != null) {
          throw new UnsupportedOpException("it is in training mode: export for inference");
        }
        set(node, 0, x.dtype(), x.shape());
      }
      case "Shape" -> set(node, 0, DType.INT64, ShapeRules.shapeSlice(node, x.shape()).length);
      case "Size" -> set(node, 0, DType.INT64);
      case "Reshape" ->
          set(node, 0, x.dtype(), ShapeRules.reshape(node, x.shape(), longs(node, 1)));
      case "Flatten" -> set(node, 0, x.dtype(), ShapeRules.flatten(node, x.shape()));
      case "Squeeze" ->
          set(node, 0, x.dtype(), ShapeRules.squeeze(node, x.shape(), longs(node, 1)));
      case "Unsqueeze" ->
          set(node, 0, x.dtype(), ShapeRules.unsqueeze(node, x.shape(), longs(node, 1)));
      case "ConstantOfShape" -> {
        Tensor value = a.getTensor("value");
        set(node, 0, value == null ? DType.FLOAT32 : value.dtype(), longs(node, 0));
      }
      case "Range" ->
          set(
              node,
              0,
              x.dtype(),
              ShapeRules.rangeLength(need(node, 0), need(node, 1), need(node, 2)));
      case "Transpose" -> {
        int[] perm = ShapeRules.permutation(node, x.rank());
        long[] out = new long[perm.length];
        for (int i = 0; i < perm.length; i++) {
          out[i] = x.shape()[perm[i]];
        }
        set(node, 0, x.dtype(), out);
      }
      case "Concat" -> concat(node);
      case "Split" -> {
        int axis = Shapes.axis(a.getInt("axis", 0), x.rank());
        long[] parts = ShapeRules.split(node, x.shape()[axis], longs(node, 1));
        for (int i = 0; i < node.outputs().size(); i++) {
          long[] shape = x.shape().clone();
          shape[axis] = parts[i];
          set(node, i, x.dtype(), shape);
        }
      }
      case "Slice" -> set(node, 0, x.dtype(), region(node).shape());
      case "Expand" -> {
        long[] shape = Shapes.broadcast(x.shape(), longs(node, 1));
        check(shape != null, x + " does not expand to " + Arrays.toString(longs(node, 1)));
        set(node, 0, x.dtype(), shape);
      }
      case "Tile" -> {
        long[] repeats = longs(node, 1);
        check(repeats.length == x.rank(), "repeats do not fit the rank of " + x);
        long[] shape = x.shape().clone();
        for (int d = 0; d < shape.length; d++) {
          shape[d] = Math.multiplyExact(shape[d], repeats[d]);
        }
        set(node, 0, x.dtype(), shape);
      }
      case "Pad" -> {
        long[] given = node.inputs().size() > 1 ? longs(node, 1) : a.getInts("pads");
        long[] pads = ShapeRules.pads(x.rank(), given, longs(node, 3));
        long[] shape = x.shape().clone();
        for (int d = 0; d < shape.length; d++) {
          shape[d] += pads[d] + pads[shape.length + d];
        }
        set(node, 0, x.dtype(), shape);
      }
      case "Gather" -> {
        int axis = Shapes.axis(a.getInt("axis", 0), x.rank());
        long[] index = node.input(1).shape();
        long[] shape = new long[x.rank() - 1 + index.length];
        System.arraycopy(x.shape(), 0, shape, 0, axis);
        System.arraycopy(index, 0, shape, axis, index.length);
        System.arraycopy(x.shape(), axis + 1, shape, axis + index.length, x.rank() - axis - 1);
        set(node, 0, x.dtype(), shape);
      }
      case "GatherElements" -> set(node, 0, x.dtype(), node.input(1).shape());
      case "GatherND" -> {
        long[] index = node.input(1).shape();
        int skip = (int) (a.getInt("batch_dims", 0) + index[index.length - 1]);
        long[] shape = Arrays.copyOf(index, index.length - 1 + x.rank() - skip);
        System.arraycopy(x.shape(), skip, shape, index.length - 1, x.rank() - skip);
        set(node, 0, x.dtype(), shape);
      }
      case "OneHot" -> {
        int axis = Shapes.axis(a.getInt("axis", -1), x.rank() + 1);
        long[] shape = new long[x.rank() + 1];
        for (int d = 0; d < shape.length; d++) {
          shape[d] =
              d < axis ? x.shape()[d] : d == axis ? need(node, 1).getLong(0) : x.shape()[d - 1];
        }
        set(node, 0, node.input(2).dtype(), shape);
      }
      case "ReduceMean",
          "ReduceSum",
          "ReduceMax",
          "ReduceMin",
          "ReduceProd",
          "ReduceL1",
          "ReduceL2",
          "ReduceLogSum",
          "ReduceLogSumExp",
          "ReduceSumSquare" -> {
        boolean[] axes = ShapeRules.reduced(node, x.rank(), longs(node, 1));
        boolean keep = a.getInt("keepdims", 1) == 1;
        long[] shape = axes == null ? x.shape() : ShapeRules.reduce(x.shape(), axes, keep);
        set(node, 0, x.dtype(), shape);
      }
      case "ArgMax", "ArgMin" -> {
        boolean[] axes = new boolean[x.rank()];
        axes[Shapes.axis(a.getInt("axis", 0), x.rank())] = true;
        boolean keep = a.getInt("keepdims", 1) == 1;
        set(node, 0, DType.INT64, ShapeRules.reduce(x.shape(), axes, keep));
      }
      case "TopK" -> {
        int axis = Shapes.axis(a.getInt("axis", -1), x.rank());
        long[] shape = x.shape().clone();
        long k = node.inputs().size() > 1 ? need(node, 1).getLong(0) : a.getInt("k", 1);
        check(k >= 0 && k <= shape[axis], "k is " + k + " on an axis of " + shape[axis]);
        shape[axis] = k;
        set(node, 0, x.dtype(), shape);
        set(node, 1, DType.INT64, shape);
      }
      case "LayerNormalization" -> {
        set(node, 0, x.dtype(), x.shape());
        long[] stats = x.shape().clone();
        Arrays.fill(stats, Shapes.axis(a.getInt("axis", -1), x.rank()), stats.length, 1);
        for (int i = 1; i < node.outputs().size(); i++) {
          set(node, i, DType.FLOAT32, stats);
        }
      }
      case "MatMul" -> set(node, 0, x.dtype(), ShapeRules.matmul(x.shape(), node.input(1).shape()));
      case "Gemm" -> {
        long[] b = node.input(1).shape();
        check(x.rank() == 2 && b.length == 2, "Gemm takes matrices");
        boolean ta = a.getInt("transA", 0) == 1;
        boolean tb = a.getInt("transB", 0) == 1;
        check(x.shape()[ta ? 0 : 1] == b[tb ? 1 : 0], "Gemm: inner sizes differ");
        set(node, 0, x.dtype(), x.shape()[ta ? 1 : 0], b[tb ? 0 : 1]);
      }
      case "Einsum" -> {
        long[][] shapes = new long[node.inputs().size()][];
        for (int i = 0; i < shapes.length; i++) {
          shapes[i] = node.input(i).shape();
        }
        String equation = a.getString("equation", "");
        set(node, 0, x.dtype(), EinsumSpec.parse(equation, shapes).outputShape());
      }
      case "Attention" -> attention(node, x);
      case "Conv",
          "ConvTranspose",
          "AveragePool",
          "MaxPool",
          "GlobalAveragePool",
          "GlobalMaxPool",
          "Resize",
          "DepthToSpace",
          "SpaceToDepth",
          "GridSample",
          "Col2Im" ->
          SpatialTypeRules.infer(node);
      default -> set(node, 0, x.dtype(), x.shape());
    }
  }

  private static DType castTarget(Node node) {
    DType to = DType.ofOnnx((int) node.attributes().getInt("to", 1));
    if (to == null) {
      throw new UnsupportedOpException("casts to a type that the engine does not have");
    }
    return to;
  }

  private static long[] broadcast(Node node, int first) {
    long[] shape = node.input(first).shape();
    for (int i = first + 1; i < node.inputs().size(); i++) {
      long[] next = Shapes.broadcast(shape, node.input(i).shape());
      check(
          next != null,
          "shapes "
              + Arrays.toString(shape)
              + " and "
              + Arrays.toString(node.input(i).shape())
              + " do not broadcast");
      shape = next;
    }
    return shape;
  }

  private static void concat(Node node) {
    Value x = node.input(0);
    int axis = Shapes.axis(node.attributes().getInt("axis", 0), x.rank());
    long[] shape = x.shape().clone();
    for (int i = 1; i < node.inputs().size(); i++) {
      long[] s = node.input(i).shape();
      check(s.length == shape.length, "cannot join tensors of different rank");
      for (int d = 0; d < s.length; d++) {
        check(d == axis || s[d] == shape[d], "cannot join " + x + " and " + node.input(i));
      }
      shape[axis] += s[axis];
    }
    set(node, 0, x.dtype(), shape);
  }

  static ShapeRules.Region region(Node node) {
    Attributes a = node.attributes();
    long[] shape = node.input(0).shape();
    if (node.inputs().size() == 1) {
      long[] starts = a.getInts("starts");
      return ShapeRules.slice(shape, starts, a.getInts("ends"), a.getInts("axes"), null);
    }
    return ShapeRules.slice(shape, longs(node, 1), longs(node, 2), longs(node, 3), longs(node, 4));
  }

  private static void attention(Node node, Value q) {
    long[] v = node.input(2).shape();
    long[] shape = q.shape().clone();
    if (q.rank() == 4) {
      shape[3] = v[3];
    } else {
      Attributes a = node.attributes();
      long heads = a.getInt("q_num_heads", 1);
      shape[2] = v[2] / a.getInt("kv_num_heads", heads) * heads;
    }
    set(node, 0, q.dtype(), shape);
    long[] k = node.input(1).shape();
    boolean flat = q.rank() == 3;
    long heads = flat ? node.attributes().getInt("q_num_heads", 1) : q.shape()[1];
    long others = flat ? node.attributes().getInt("kv_num_heads", heads) : k[1];
    long keys = flat ? k[1] : k[2];
    keys += node.input(4) == null ? 0 : node.input(4).shape()[2];
    set(node, 1, q.dtype(), k[0], others, keys, flat ? k[2] / others : k[3]);
    set(node, 2, q.dtype(), k[0], others, keys, flat ? v[2] / others : v[3]);
    set(node, 3, q.dtype(), q.shape()[0], heads, flat ? q.shape()[1] : q.shape()[2], keys);
  }

  static void set(Node node, int output, DType dtype, long... shape) {
    if (node.output(output) != null) {
      node.output(output).setType(dtype, shape);
    }
  }

  /** A constant input that decides shapes; null where an optional one is absent. */
  static long[] longs(Node node, int i) {
    return node.input(i) == null ? null : need(node, i).toLongs();
  }

  static Tensor need(Node node, int i) {
    Value v = node.input(i);
    if (!v.isConstant()) {
      throw new UnsupportedOpException(
          "its shape depends on the value of '"
              + v.name()
              + "', which is computed from input data; export the model with static logic");
    }
    return v.constant().materialize(Arena.ofAuto());
  }

  static void check(boolean fits, String otherwise) {
    if (!fits) {
      throw new InvalidInputException(otherwise);
    }
  }
}
