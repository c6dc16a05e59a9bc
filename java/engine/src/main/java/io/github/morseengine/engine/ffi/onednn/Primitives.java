package io.github.morseengine.engine.ffi.onednn;

import io.github.morseengine.bindings.onednn.OneDnn;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/** Compiles the operations of oneDNN that the engine uses. Stateless. */
public final class Primitives {

  /** Operations of two tensors. */
  public enum BinaryKind {
    /** Sum. */
    ADD(OneDnn.dnnl_binary_add()),
    /** Difference. */
    SUB(OneDnn.dnnl_binary_sub()),
    /** Product. */
    MUL(OneDnn.dnnl_binary_mul()),
    /** Quotient. */
    DIV(OneDnn.dnnl_binary_div()),
    /** Maximum. */
    MAX(OneDnn.dnnl_binary_max()),
    /** Minimum. */
    MIN(OneDnn.dnnl_binary_min());

    private final int code;

    BinaryKind(int code) {
      this.code = code;
    }
  }

  /** What is taken of the elements of a window. */
  public enum PoolingKind {
    /** The largest. */
    MAX(OneDnn.dnnl_pooling_max()),
    /** The mean of those that are not padding. */
    AVERAGE(OneDnn.dnnl_pooling_avg_exclude_padding()),
    /** The mean, padding counted as zeros. */
    AVERAGE_WITH_PADDING(OneDnn.dnnl_pooling_avg_include_padding());

    private final int code;

    PoolingKind(int code) {
      this.code = code;
    }
  }

  private Primitives() {}

  private static MemorySegment handle(MemoryDesc desc) {
    return desc == null ? MemorySegment.NULL : desc.handle();
  }

  /**
   * A convolution.
   *
   * @param engine the engine
   * @param transposed whether it is a transposed one
   * @param src source [N,C,..]
   * @param weights weights [M,C,k..], or [G,M/G,C/G,k..]
   * @param bias bias [M] or null
   * @param dst destination [N,M,..]
   * @param geometry strides, dilations, pads before, pads after
   * @param attributes scratchpad and post-ops
   * @return the primitive, or null if there is no kernel
   */
  public static Primitive convolution(
      DnnEngine engine,
      boolean transposed,
      MemoryDesc src,
      MemoryDesc weights,
      MemoryDesc bias,
      MemoryDesc dst,
      long[][] geometry,
      Attributes attributes) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment strides = Dnn.dims(arena, geometry[0]);
      MemorySegment dilates = Dnn.dims(arena, leftOut(geometry[1]));
      MemorySegment before = Dnn.dims(arena, geometry[2]);
      MemorySegment after = Dnn.dims(arena, geometry[3]);
      MemorySegment b = handle(bias);
      int kind = OneDnn.dnnl_forward_inference();
      MemorySegment attr = attributes.handle();
      return Primitive.create(
          engine,
          "dnnl_convolution_forward_primitive_desc_create",
          out ->
              transposed
                  ? OneDnn.dnnl_deconvolution_forward_primitive_desc_create(
                      out,
                      engine.handle(),
                      kind,
                      OneDnn.dnnl_deconvolution_direct(),
                      src.handle(),
                      weights.handle(),
                      b,
                      dst.handle(),
                      strides,
                      dilates,
                      before,
                      after,
                      attr)
                  : OneDnn.dnnl_convolution_forward_primitive_desc_create(
                      out,
                      engine.handle(),
                      kind,
                      OneDnn.dnnl_convolution_direct(),
                      src.handle(),
                      weights.handle(),
                      b,
                      dst.handle(),
                      strides,
                      dilates,
                      before,
                      after,
                      attr));
    }
  }

  /**
   * A matrix product, batched where there are more than two dimensions.
   *
   * @param engine the engine
   * @param left [..,M,K]
   * @param right [..,K,N]
   * @param bias [1..,N] or null
   * @param dst [..,M,N]
   * @param attributes scratchpad and post-ops
   * @return the primitive, or null if there is no kernel
   */
  public static Primitive matmul(
      DnnEngine engine,
      MemoryDesc left,
      MemoryDesc right,
      MemoryDesc bias,
      MemoryDesc dst,
      Attributes attributes) {
    return Primitive.create(
        engine,
        "dnnl_matmul_primitive_desc_create",
        out ->
            OneDnn.dnnl_matmul_primitive_desc_create(
                out,
                engine.handle(),
                left.handle(),
                right.handle(),
                handle(bias),
                dst.handle(),
                attributes.handle()));
  }

  /**
   * A change of layout or type.
   *
   * @param engine the engine
   * @param from source layout
   * @param to destination layout
   * @param attributes scratchpad
   * @return the primitive, or null if there is no kernel
   */
  public static Primitive reorder(
      DnnEngine engine, MemoryDesc from, MemoryDesc to, Attributes attributes) {
    return Primitive.create(
        engine,
        "dnnl_reorder_primitive_desc_create",
        out ->
            OneDnn.dnnl_reorder_primitive_desc_create(
                out,
                from.handle(),
                engine.handle(),
                to.handle(),
                engine.handle(),
                attributes.handle()));
  }

  /**
   * An element-wise operation of two tensors; dimensions of size 1 are broadcast.
   *
   * @param engine the engine
   * @param kind operation
   * @param a first tensor
   * @param b second tensor
   * @param dst destination
   * @param attributes scratchpad
   * @return the primitive, or null if there is no kernel
   */
  public static Primitive binary(
      DnnEngine engine,
      BinaryKind kind,
      MemoryDesc a,
      MemoryDesc b,
      MemoryDesc dst,
      Attributes attributes) {
    return Primitive.create(
        engine,
        "dnnl_binary_primitive_desc_create",
        out ->
            OneDnn.dnnl_binary_primitive_desc_create(
                out,
                engine.handle(),
                kind.code,
                a.handle(),
                b.handle(),
                dst.handle(),
                attributes.handle()));
  }

  /**
   * An element-wise function.
   *
   * @param engine the engine
   * @param f the function
   * @param alpha its first parameter
   * @param beta its second parameter
   * @param desc layout of source and destination
   * @param attributes scratchpad
   * @return the primitive, or null if there is no kernel
   */
  public static Primitive eltwise(
      DnnEngine engine,
      Attributes.Eltwise f,
      float alpha,
      float beta,
      MemoryDesc desc,
      Attributes attributes) {
    return Primitive.create(
        engine,
        "dnnl_eltwise_forward_primitive_desc_create",
        out ->
            OneDnn.dnnl_eltwise_forward_primitive_desc_create(
                out,
                engine.handle(),
                OneDnn.dnnl_forward_inference(),
                f.code,
                desc.handle(),
                desc.handle(),
                alpha,
                beta,
                attributes.handle()));
  }

  /**
   * Averages or maxima over windows.
   *
   * @param engine the engine
   * @param kind what of a window is taken
   * @param src source [N,C,..]
   * @param dst destination [N,C,..]
   * @param geometry window, strides, dilations, pads before, pads after
   * @param attributes scratchpad
   * @return the primitive, or null if there is no kernel
   */
  public static Primitive pooling(
      DnnEngine engine,
      PoolingKind kind,
      MemoryDesc src,
      MemoryDesc dst,
      long[][] geometry,
      Attributes attributes) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment kernel = Dnn.dims(arena, geometry[0]);
      MemorySegment strides = Dnn.dims(arena, geometry[1]);
      MemorySegment dilates = Dnn.dims(arena, leftOut(geometry[2]));
      MemorySegment before = Dnn.dims(arena, geometry[3]);
      MemorySegment after = Dnn.dims(arena, geometry[4]);
      return Primitive.create(
          engine,
          "dnnl_pooling_forward_primitive_desc_create",
          out ->
              OneDnn.dnnl_pooling_forward_primitive_desc_create(
                  out,
                  engine.handle(),
                  OneDnn.dnnl_forward_inference(),
                  kind.code,
                  src.handle(),
                  dst.handle(),
                  strides,
                  kernel,
                  dilates,
                  before,
                  after,
                  attributes.handle()));
    }
  }

  /** oneDNN counts the positions that a dilation leaves out. */
  private static long[] leftOut(long[] dilations) {
    return Arrays.stream(dilations).map(d -> d - 1).toArray();
  }

  /**
   * Nearest-neighbour resampling of the dimensions behind the second. An element of the destination
   * takes round((o + 0.5) * in / out - 0.5), which for whole factors is o / factor.
   *
   * @param engine the engine
   * @param src source [N,C,..]
   * @param dst destination [N,C,..]
   * @param attributes scratchpad
   * @return the primitive, or null if there is no kernel
   */
  public static Primitive nearest(
      DnnEngine engine, MemoryDesc src, MemoryDesc dst, Attributes attributes) {
    return Primitive.create(
        engine,
        "dnnl_resampling_forward_primitive_desc_create",
        out ->
            OneDnn.dnnl_resampling_forward_primitive_desc_create(
                out,
                engine.handle(),
                OneDnn.dnnl_forward_inference(),
                OneDnn.dnnl_resampling_nearest(),
                MemorySegment.NULL,
                src.handle(),
                dst.handle(),
                attributes.handle()));
  }

  /**
   * Softmax along one dimension.
   *
   * @param engine the engine
   * @param src source
   * @param dst destination
   * @param axis the dimension
   * @param attributes scratchpad
   * @return the primitive, or null if there is no kernel
   */
  public static Primitive softmax(
      DnnEngine engine, MemoryDesc src, MemoryDesc dst, int axis, Attributes attributes) {
    return Primitive.create(
        engine,
        "dnnl_softmax_forward_primitive_desc_create",
        out ->
            OneDnn.dnnl_softmax_forward_primitive_desc_create(
                out,
                engine.handle(),
                OneDnn.dnnl_forward_inference(),
                OneDnn.dnnl_softmax_accurate(),
                src.handle(),
                dst.handle(),
                axis,
                attributes.handle()));
  }

  /**
   * Layer normalisation over the last dimension, with scale and shift.
   *
   * @param engine the engine
   * @param desc layout of source and destination
   * @param epsilon added to the variance
   * @param attributes scratchpad
   * @return the primitive, or null if there is no kernel
   */
  public static Primitive layerNorm(
      DnnEngine engine, MemoryDesc desc, float epsilon, Attributes attributes) {
    int flags = OneDnn.dnnl_use_scale() | OneDnn.dnnl_use_shift();
    return norm(engine, desc, epsilon, flags, attributes);
  }

  /**
   * RMS normalisation over the last dimension, with scale.
   *
   * @param engine the engine
   * @param desc layout of source and destination
   * @param epsilon added to the mean of the squares
   * @param attributes scratchpad
   * @return the primitive, or null if there is no kernel
   */
  public static Primitive rmsNorm(
      DnnEngine engine, MemoryDesc desc, float epsilon, Attributes attributes) {
    int flags = OneDnn.dnnl_use_scale() | OneDnn.dnnl_rms_norm();
    return norm(engine, desc, epsilon, flags, attributes);
  }

  private static Primitive norm(
      DnnEngine engine, MemoryDesc desc, float epsilon, int flags, Attributes attributes) {
    return Primitive.create(
        engine,
        "dnnl_layer_normalization_forward_primitive_desc_create",
        out ->
            OneDnn.dnnl_layer_normalization_forward_primitive_desc_create(
                out,
                engine.handle(),
                OneDnn.dnnl_forward_inference(),
                desc.handle(),
                desc.handle(),
                MemorySegment.NULL,
                epsilon,
                flags,
                attributes.handle()));
  }
}
