package io.github.morseengine.engine.ffi.onednn;

import io.github.morseengine.bindings.onednn.OneDnn;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Attributes of a primitive: caller's scratchpad, and what happens to the result. */
public final class Attributes implements AutoCloseable {

  /** Element-wise functions of oneDNN with their kind. */
  public enum Eltwise {
    /** x * sigmoid(alpha x). */
    SWISH(OneDnn.dnnl_eltwise_swish()),
    /** GELU by the error function. */
    GELU_ERF(OneDnn.dnnl_eltwise_gelu_erf()),
    /** GELU by tanh. */
    GELU_TANH(OneDnn.dnnl_eltwise_gelu_tanh()),
    /** alpha x + beta. */
    LINEAR(OneDnn.dnnl_eltwise_linear()),
    /** 1 / (1 + exp(-x)). */
    LOGISTIC(OneDnn.dnnl_eltwise_logistic()),
    /** Hyperbolic tangent. */
    TANH(OneDnn.dnnl_eltwise_tanh()),
    /** x, or alpha x below 0. */
    RELU(OneDnn.dnnl_eltwise_relu()),
    /** Exponential. */
    EXP(OneDnn.dnnl_eltwise_exp()),
    /** Square root. */
    SQRT(OneDnn.dnnl_eltwise_sqrt()),
    /** x squared. */
    SQUARE(OneDnn.dnnl_eltwise_square()),
    /** Absolute value. */
    ABS(OneDnn.dnnl_eltwise_abs()),
    /** alpha x^beta. */
    POW(OneDnn.dnnl_eltwise_pow()),
    /** min(max(x, alpha), beta). */
    CLIP(OneDnn.dnnl_eltwise_clip()),
    /** x, or alpha (exp(x) - 1) below 0. */
    ELU(OneDnn.dnnl_eltwise_elu()),
    /** max(0, min(1, alpha x + beta)). */
    HARD_SIGMOID(OneDnn.dnnl_eltwise_hardsigmoid()),
    /** x max(0, min(1, alpha x + beta)). */
    HARD_SWISH(OneDnn.dnnl_eltwise_hardswish()),
    /** x tanh(log(1 + exp(x))). */
    MISH(OneDnn.dnnl_eltwise_mish()),
    /** To the nearest integer, halves to the even one. */
    ROUND(OneDnn.dnnl_eltwise_round());

    final int code;

    Eltwise(int code) {
      this.code = code;
    }
  }

  private final MemorySegment handle;
  private final MemorySegment postOps;
  private int appended;
  private boolean closed;

  /** Creates attributes with a scratchpad of the caller and no post-ops. */
  public Attributes() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(ValueLayout.ADDRESS);
      Dnn.check(OneDnn.dnnl_primitive_attr_create(out), "dnnl_primitive_attr_create");
      handle = out.get(ValueLayout.ADDRESS, 0);
      Dnn.check(OneDnn.dnnl_post_ops_create(out), "dnnl_post_ops_create");
      postOps = out.get(ValueLayout.ADDRESS, 0);
      int mode = OneDnn.dnnl_scratchpad_mode_user();
      int status = OneDnn.dnnl_primitive_attr_set_scratchpad_mode(handle, mode);
      Dnn.check(status, "dnnl_primitive_attr_set_scratchpad_mode");
    }
  }

  /**
   * Appends a function of the result.
   *
   * @param f the function
   * @param alpha its first parameter
   * @param beta its second parameter
   * @return this
   */
  public Attributes eltwise(Eltwise f, float alpha, float beta) {
    int status = OneDnn.dnnl_post_ops_append_eltwise(postOps, f.code, alpha, beta);
    Dnn.check(status, "dnnl_post_ops_append_eltwise", f);
    appended++;
    return this;
  }

  /**
   * Appends the addition of a tensor.
   *
   * @param operand its layout; dimensions of size 1 are broadcast
   * @return the argument index under which the tensor is given at execution
   */
  public int add(MemoryDesc operand) {
    return binary(OneDnn.dnnl_binary_add(), "add", operand);
  }

  /**
   * Appends the product with a tensor.
   *
   * @param operand its layout; dimensions of size 1 are broadcast
   * @return the argument index under which the tensor is given at execution
   */
  public int multiply(MemoryDesc operand) {
    return binary(OneDnn.dnnl_binary_mul(), "mul", operand);
  }

  private int binary(int kind, String name, MemoryDesc operand) {
    int status = OneDnn.dnnl_post_ops_append_binary(postOps, kind, operand.handle());
    Dnn.check(status, "dnnl_post_ops_append_binary", name);
    int index = OneDnn.DNNL_ARG_ATTR_MULTIPLE_POST_OP_BASE() * (appended + 1);
    appended++;
    return index | OneDnn.DNNL_ARG_SRC_1();
  }

  MemorySegment handle() {
    int status = OneDnn.dnnl_primitive_attr_set_post_ops(handle, postOps);
    Dnn.check(status, "dnnl_primitive_attr_set_post_ops");
    return handle;
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      int first = OneDnn.dnnl_post_ops_destroy(postOps);
      int second = OneDnn.dnnl_primitive_attr_destroy(handle);
      Dnn.check(first, "dnnl_post_ops_destroy");
      Dnn.check(second, "dnnl_primitive_attr_destroy");
    }
  }
}
