package io.github.morseengine.engine.ir;

/**
 * Operators that passes make and backends run. Layouts below are logical (as in ONNX: channels at
 * dimension 1 of images); every floating-point tensor of a node has one element type unless said.
 */
public final class FusedOps {

  /** The domain of all operators below. */
  public static final String DOMAIN = "ai.morse";

  /**
   * Convolution with epilogue: {@code y = act(conv(X, W) + B + R)}. Inputs: X [N,C,spatial..], W
   * [M,C/group,k..], B [M] or absent, R (shape of y) or absent. Attributes of ONNX Conv (strides,
   * pads, dilations, group, explicit pads only) and {@code activation}: "none" or "silu"; {@code
   * upsample}: 1, or 2 where X is first enlarged twice per side by nearest neighbour.
   */
  public static final String CONV = "Conv";

  /**
   * Linear layer: {@code y = act(X W + B + R)}. Inputs: X [..,K], W [K,N], B [N] or absent, R
   * (shape of y) or absent. Attribute {@code activation}: "none", "silu", "gelu" (erf) or
   * "gelu_tanh".
   */
  public static final String LINEAR = "Linear";

  /**
   * Group normalisation with its surroundings: {@code y = act((gn(X + A) * gamma + beta) * M + S)},
   * where gn normalises each of {@code num_groups} groups of channels over all positions. Inputs: X
   * [N,C,spatial..], gamma [C], beta [C], A, M, S: absent or [N or 1,C]. Attributes {@code
   * num_groups}, {@code epsilon}, {@code activation}: "none" or "silu".
   */
  public static final String GROUP_NORM = "GroupNorm";

  /**
   * GEGLU: {@code y = a * gelu(b)}, where a and b are the first and second half of the last
   * dimension. Input X [..,2C], output [..,C]. Attribute {@code approximate}: "none" or "tanh".
   */
  public static final String GEGLU = "GeGlu";

  /** x * sigmoid(x). Input and output of one shape. */
  public static final String SILU = "Silu";

  /**
   * Scaled dot product attention: {@code softmax(scale * Q K^T + mask) V}. Inputs: Q [N,H,L,d], K
   * [N,H,S,d], V [N,H,S,e], mask absent or broadcastable to [N,H,L,S] (added). Output [N,H,L,e].
   * Attribute {@code scale}.
   */
  public static final String ATTENTION = "Attention";

  /**
   * Several element-wise sums and products in one pass over memory. Any number of inputs that
   * broadcast to the output; attribute {@code program}: triples (operator, a, b), where the
   * operator is 0 for a + b, 1 for a - b, 2 for a * b and 3 for a / b, and a and b count the inputs
   * and then the results so far. The last result is the output.
   */
  public static final String EXPRESSION = "Expression";

  private FusedOps() {}
}
