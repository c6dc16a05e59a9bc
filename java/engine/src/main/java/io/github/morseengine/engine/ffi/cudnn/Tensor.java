package io.github.morseengine.engine.ffi.cudnn;

import io.github.morseengine.bindings.cudnn.Cudnn;
import io.github.morseengine.engine.error.NativeLibraryException;
import io.github.morseengine.engine.tensor.DType;
import java.util.Arrays;
import java.util.OptionalInt;

/** Shape, strides and type of one tensor of an operation graph, known by its unique id. */
public final class Tensor extends Descriptor {

  private final String text;

  private Tensor(
      long id, DType type, long[] dims, long[] strides, long alignment, OptionalInt flag) {
    super(Cudnn.CUDNN_BACKEND_TENSOR_DESCRIPTOR());
    text = id + ": " + type + " " + Arrays.toString(dims) + " strides " + Arrays.toString(strides);
    complete(
        () -> {
          int64s(Cudnn.CUDNN_ATTR_TENSOR_UNIQUE_ID(), id);
          code(Cudnn.CUDNN_ATTR_TENSOR_DATA_TYPE(), Cudnn.CUDNN_TYPE_DATA_TYPE(), code(type));
          int64s(Cudnn.CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT(), alignment);
          int64s(Cudnn.CUDNN_ATTR_TENSOR_DIMENSIONS(), dims);
          int64s(Cudnn.CUDNN_ATTR_TENSOR_STRIDES(), strides);
          flag.ifPresent(this::yes);
        });
  }

  /**
   * A tensor in device memory.
   *
   * @param id unique in its graph; a variant pack binds the address by it
   * @param type element type
   * @param dims dimensions; images as N, C, H, W whatever the layout
   * @param strides distances in elements
   * @param alignment bytes that every address bound to it is a multiple of
   * @return the descriptor
   */
  public static Tensor inMemory(long id, DType type, long[] dims, long[] strides, long alignment) {
    return new Tensor(id, type, dims, strides, alignment, OptionalInt.empty());
  }

  /**
   * A result between two operations of a graph, which never reaches memory.
   *
   * @param id unique in its graph
   * @param dims dimensions
   * @param strides distances in elements, as of the tensor that it becomes
   * @return the descriptor, in float32
   */
  public static Tensor between(long id, long[] dims, long[] strides) {
    OptionalInt virtual = OptionalInt.of(Cudnn.CUDNN_ATTR_TENSOR_IS_VIRTUAL());
    return new Tensor(id, DType.FLOAT32, dims, strides, 16, virtual);
  }

  /**
   * One float32 that a variant pack binds by the address of host memory, read when the plan is
   * enqueued.
   *
   * @param id unique in its graph
   * @return the descriptor, of four dimensions
   */
  public static Tensor scalar(long id) {
    long[] ones = {1, 1, 1, 1};
    OptionalInt byValue = OptionalInt.of(Cudnn.CUDNN_ATTR_TENSOR_IS_BY_VALUE());
    return new Tensor(id, DType.FLOAT32, ones, ones, Float.BYTES, byValue);
  }

  static int code(DType type) {
    return switch (type) {
      case FLOAT32 -> Cudnn.CUDNN_DATA_FLOAT();
      case FLOAT16 -> Cudnn.CUDNN_DATA_HALF();
      case BFLOAT16 -> Cudnn.CUDNN_DATA_BFLOAT16();
      default -> throw new NativeLibraryException("cuDNN graphs here have no element type " + type);
    };
  }

  @Override
  public String toString() {
    return "tensor " + text;
  }
}
