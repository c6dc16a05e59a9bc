package io.github.morseengine.engine.backend.reference;

import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.error.ModelFormatException;
import io.github.morseengine.engine.error.MorseException;
import io.github.morseengine.engine.error.UnsupportedOpException;
import io.github.morseengine.engine.ir.FusedOps;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.tensor.Tensor;
import java.util.Set;
import java.util.function.DoubleUnaryOperator;

/**
 * Evaluates single nodes on host tensors. Stateless and safe for use by several threads. Results
 * are new tensors, or views of an input where an operator only renames dimensions.
 */
public final class ReferenceOps {

  private static final Set<String> NAMES =
      Set.of(
          "Abs",
          "Acos",
          "Acosh",
          "Add",
          "And",
          "ArgMax",
          "ArgMin",
          "Attention",
          "Asin",
          "Asinh",
          "Atan",
          "Atanh",
          "AveragePool",
          "BatchNormalization",
          "BitShift",
          "BitwiseAnd",
          "BitwiseNot",
          "BitwiseOr",
          "BitwiseXor",
          "Cast",
          "Celu",
          "Ceil",
          "Clip",
          "Col2Im",
          "Concat",
          "ConstantOfShape",
          "Conv",
          "ConvTranspose",
          "Cos",
          "Cosh",
          "CumProd",
          "CumSum",
          "DepthToSpace",
          "DequantizeLinear",
          "Div",
          "Dropout",
          "Einsum",
          "Elu",
          "Equal",
          "Erf",
          "Exp",
          "Expand",
          "EyeLike",
          "Flatten",
          "Floor",
          "Gather",
          "GatherElements",
          "GatherND",
          "Gelu",
          "Gemm",
          "GlobalAveragePool",
          "GlobalMaxPool",
          "Greater",
          "GreaterOrEqual",
          "GridSample",
          "GroupNormalization",
          "HardSigmoid",
          "HardSwish",
          "Identity",
          "InstanceNormalization",
          "IsInf",
          "IsNaN",
          "LayerNormalization",
          "LeakyRelu",
          "Less",
          "LessOrEqual",
          "Log",
          "LogSoftmax",
          "LpNormalization",
          "MatMul",
          "Max",
          "MaxPool",
          "Mean",
          "Min",
          "Mish",
          "Mod",
          "Mul",
          "Neg",
          "Not",
          "OneHot",
          "Or",
          "PRelu",
          "Pad",
          "Pow",
          "QuantizeLinear",
          "RMSNormalization",
          "RandomNormal",
          "RandomNormalLike",
          "RandomUniform",
          "RandomUniformLike",
          "Range",
          "Reciprocal",
          "ReduceL1",
          "ReduceL2",
          "ReduceLogSum",
          "ReduceLogSumExp",
          "ReduceMax",
          "ReduceMean",
          "ReduceMin",
          "ReduceProd",
          "ReduceSum",
          "ReduceSumSquare",
          "Relu",
          "Reshape",
          "Resize",
          "RotaryEmbedding",
          "Round",
          "ScatterElements",
          "ScatterND",
          "Selu",
          "Shape",
          "Shrink",
          "Sigmoid",
          "Sign",
          "Sin",
          "Sinh",
          "Size",
          "Slice",
          "Softmax",
          "Softplus",
          "Softsign",
          "SpaceToDepth",
          "Split",
          "Sqrt",
          "Squeeze",
          "Sub",
          "Sum",
          "Swish",
          "Tan",
          "Tanh",
          "ThresholdedRelu",
          "Tile",
          "TopK",
          "Transpose",
          "Trilu",
          "Unsqueeze",
          "Where",
          "Xor");

  private ReferenceOps() {}

  /**
   * Whether nodes of an operator can be evaluated.
   *
   * @param domain operator domain
   * @param opType operator name
   * @return true if so
   */
  public static boolean supports(String domain, String opType) {
    return domain.equals(FusedOps.DOMAIN) || domain.isEmpty() && NAMES.contains(opType);
  }

  /**
   * The function that an element-wise operator of one input is.
   *
   * @param node operator and attributes
   * @return the function; null where the operator is none of one real number
   */
  public static DoubleUnaryOperator function(Node node) {
    return node.domain().isEmpty() ? Unary.function(node.opType(), node.attributes()) : null;
  }

  /**
   * Evaluates a node.
   *
   * @param node operator, attributes and opset; its values are not looked at
   * @param in inputs; entries null where an optional one is absent
   * @return one tensor per output of the node; more than it names where the operator has more
   * @throws ModelFormatException if the inputs do not fit the operator, naming the node
   */
  public static Tensor[] run(Node node, Tensor[] in) {
    try {
      return node.domain().equals(FusedOps.DOMAIN) ? FusedReference.run(node, in) : onnx(node, in);
    } catch (InvalidInputException e) {
      throw new ModelFormatException("node '" + node.name() + "': " + e.getMessage(), e);
    } catch (MorseException e) {
      throw e;
    } catch (RuntimeException e) {
      throw new ModelFormatException(
          "node '"
              + node.name()
              + "' ("
              + node.opType()
              + ") cannot be evaluated on "
              + java.util.Arrays.toString(in)
              + ": "
              + e,
          e);
    }
  }

  private static Tensor[] onnx(Node node, Tensor[] in) {
    return switch (node.opType()) {
      case "Add",
          "Sub",
          "Mul",
          "Div",
          "PRelu",
          "Pow",
          "Mod",
          "Max",
          "Min",
          "Sum",
          "Mean",
          "Equal",
          "Less",
          "LessOrEqual",
          "Greater",
          "GreaterOrEqual",
          "And",
          "Or",
          "Xor" ->
          one(Binary.run(node, in));
      case "Where" -> one(Binary.where(in[0], in[1], in[2]));
      case "Abs",
          "Acos",
          "Acosh",
          "Asin",
          "Asinh",
          "Atan",
          "Atanh",
          "Ceil",
          "Celu",
          "Cos",
          "Cosh",
          "Elu",
          "Erf",
          "Exp",
          "Floor",
          "Gelu",
          "HardSigmoid",
          "HardSwish",
          "IsInf",
          "IsNaN",
          "LeakyRelu",
          "Log",
          "Mish",
          "Neg",
          "Not",
          "Reciprocal",
          "Relu",
          "Round",
          "Selu",
          "Shrink",
          "Sigmoid",
          "Sign",
          "Sin",
          "Sinh",
          "Softplus",
          "Softsign",
          "Sqrt",
          "Swish",
          "Tan",
          "Tanh",
          "ThresholdedRelu" ->
          one(Unary.run(node, in[0]));
      case "BitShift", "BitwiseAnd", "BitwiseNot", "BitwiseOr", "BitwiseXor" ->
          one(Bitwise.run(node, in));
      case "Clip" -> one(Unary.clip(node, in));
      case "Cast" -> one(Unary.cast(node, in[0]));
      case "DequantizeLinear" -> one(Quantization.dequantize(node, in));
      case "QuantizeLinear" -> one(Quantization.quantize(node, in));
      case "RotaryEmbedding" -> one(Rotary.run(node, in));
      case "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike" ->
          one(RandomNumbers.run(node, in));
      case "Identity" -> one(in[0]);
      case "Dropout" -> new Tensor[] {in[0], Shaping.ones(in[0].shape())};
      case "Shape",
          "Size",
          "Reshape",
          "Flatten",
          "Squeeze",
          "Unsqueeze",
          "ConstantOfShape",
          "EyeLike",
          "Range" ->
          one(Shaping.run(node, in));
      case "Transpose",
          "Concat",
          "Slice",
          "Expand",
          "Tile",
          "Pad",
          "DepthToSpace",
          "SpaceToDepth",
          "Trilu" ->
          one(Movement.run(node, in));
      case "Split" -> Movement.split(node, in);
      case "Gather", "GatherElements", "GatherND", "ScatterElements", "ScatterND", "OneHot" ->
          one(Indexing.run(node, in));
      case "ReduceMean",
          "ReduceSum",
          "ReduceMax",
          "ReduceMin",
          "ReduceProd",
          "ReduceL1",
          "ReduceL2",
          "ReduceLogSum",
          "ReduceLogSumExp",
          "ReduceSumSquare",
          "ArgMax",
          "ArgMin",
          "CumProd",
          "CumSum" ->
          one(Reduction.run(node, in));
      case "Softmax", "LogSoftmax" -> one(Normalization.softmax(node, in[0]));
      case "BatchNormalization",
          "InstanceNormalization",
          "GroupNormalization",
          "LayerNormalization",
          "LpNormalization",
          "RMSNormalization" ->
          Normalization.run(node, in);
      case "MatMul" -> one(Products.matmul(in[0], in[1]));
      case "Gemm" -> one(Products.gemm(node, in));
      case "Einsum" -> one(Einsum.run(node, in));
      case "Attention" -> AttentionReference.run(node, in);
      case "Conv" -> one(Convolution.conv(node, in));
      case "ConvTranspose" -> one(Convolution.transposed(node, in));
      case "AveragePool", "MaxPool", "GlobalAveragePool", "GlobalMaxPool" ->
          Pooling.run(node, in[0]);
      case "Col2Im" -> one(Col2Im.run(node, in));
      case "GridSample" -> one(GridSampling.run(node, in[0], in[1]));
      case "TopK" -> TopK.run(node, in);
      case "Resize" -> one(ResizeReference.run(node, in));
      default -> throw new UnsupportedOpException("operator " + node.opType() + " is unknown");
    };
  }

  static void check(boolean fits, String otherwise) {
    if (!fits) {
      throw new InvalidInputException(otherwise);
    }
  }

  static Tensor[] one(Tensor t) {
    return new Tensor[] {t};
  }
}
