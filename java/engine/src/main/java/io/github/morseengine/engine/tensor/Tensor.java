package io.github.morseengine.engine.tensor;

import io.github.morseengine.engine.error.InvalidInputException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * A dense row-major array in host memory, little-endian.
 *
 * <p>The class only describes memory; who owns {@link #data()} decides how long it lives. Reading
 * from several threads is safe while nobody writes.
 */
public final class Tensor {

  private static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfDouble F64 =
      ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong I64 =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt I32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort I16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final long ALIGNMENT = 64;

  private final DType dtype;
  private final long[] shape;
  private final MemorySegment data;
  private final long elements;

  /**
   * Describes memory as a tensor.
   *
   * @param dtype element type
   * @param shape dimensions, outermost first; empty for a scalar
   * @param data at least {@code elements * dtype.bytes()} bytes; no alignment needed
   * @throws InvalidInputException if the memory is too small for the shape
   */
  public Tensor(DType dtype, long[] shape, MemorySegment data) {
    this.dtype = dtype;
    this.shape = shape.clone();
    this.elements = Shapes.elements(shape);
    long bytes = Math.multiplyExact(elements, (long) dtype.bytes());
    if (data.byteSize() < bytes) {
      throw new InvalidInputException(
          "a "
              + dtype
              + " tensor of shape "
              + Arrays.toString(shape)
              + " needs "
              + bytes
              + " bytes, the memory has "
              + data.byteSize());
    }
    this.data = data.asSlice(0, bytes);
  }

  /**
   * Allocates zeroed memory that the garbage collector frees.
   *
   * @param dtype element type
   * @param shape dimensions
   * @return the tensor
   */
  public static Tensor allocate(DType dtype, long... shape) {
    return allocate(Arena.ofAuto(), dtype, shape);
  }

  /**
   * Allocates zeroed memory in an arena.
   *
   * @param arena owner of the memory
   * @param dtype element type
   * @param shape dimensions
   * @return the tensor, aligned to 64 bytes
   */
  public static Tensor allocate(Arena arena, DType dtype, long... shape) {
    long bytes = Math.multiplyExact(Shapes.elements(shape), (long) dtype.bytes());
    return new Tensor(dtype, shape, arena.allocate(Math.max(1, bytes), ALIGNMENT));
  }

  /**
   * Copies floats into a new tensor.
   *
   * @param values elements in row-major order
   * @param shape dimensions
   * @return a float32 tensor
   */
  public static Tensor ofFloats(float[] values, long... shape) {
    Tensor t = allocate(DType.FLOAT32, shape);
    t.checkCount(values.length);
    MemorySegment.copy(values, 0, t.data, F32, 0, values.length);
    return t;
  }

  /**
   * Copies integers into a new tensor.
   *
   * @param values elements in row-major order
   * @param shape dimensions
   * @return an int64 tensor
   */
  public static Tensor ofLongs(long[] values, long... shape) {
    Tensor t = allocate(DType.INT64, shape);
    t.checkCount(values.length);
    MemorySegment.copy(values, 0, t.data, I64, 0, values.length);
    return t;
  }

  /** {@return the element type} */
  public DType dtype() {
    return dtype;
  }

  /** {@return a copy of the dimensions} */
  public long[] shape() {
    return shape.clone();
  }

  /**
   * One dimension.
   *
   * @param axis index from the outermost
   * @return its size
   */
  public long dim(int axis) {
    return shape[axis];
  }

  /** {@return the number of dimensions} */
  public int rank() {
    return shape.length;
  }

  /** {@return the number of elements} */
  public long elements() {
    return elements;
  }

  /** {@return bytes of all elements} */
  public long byteSize() {
    return data.byteSize();
  }

  /** {@return the memory, exactly {@link #byteSize()} bytes} */
  public MemorySegment data() {
    return data;
  }

  /**
   * The same memory under another shape.
   *
   * @param newShape dimensions with the same number of elements
   * @return a view
   */
  public Tensor reshape(long... newShape) {
    if (Shapes.elements(newShape) != elements) {
      throw new InvalidInputException(
          "cannot view shape " + Arrays.toString(shape) + " as " + Arrays.toString(newShape));
    }
    return new Tensor(dtype, newShape, data);
  }

  /**
   * Reads an element as double; exact for every type but 64-bit integers beyond 2^53.
   *
   * @param i row-major index
   * @return the value
   */
  public double getDouble(long i) {
    return switch (dtype) {
      case FLOAT32 -> data.get(F32, i * 4);
      case FLOAT64 -> data.get(F64, i * 8);
      case FLOAT16 -> Float.float16ToFloat(data.get(I16, i * 2));
      case BFLOAT16 -> Float.intBitsToFloat(data.get(I16, i * 2) << 16);
      case UINT64 -> unsignedToDouble(data.get(I64, i * 8));
      default -> getLong(i);
    };
  }

  /**
   * Reads an element as integer; floating-point values are cut towards zero.
   *
   * @param i row-major index
   * @return the value (uint64 by its bits)
   */
  public long getLong(long i) {
    return switch (dtype) {
      case INT64, UINT64 -> data.get(I64, i * 8);
      case INT32 -> data.get(I32, i * 4);
      case UINT32 -> Integer.toUnsignedLong(data.get(I32, i * 4));
      case INT16 -> data.get(I16, i * 2);
      case UINT16 -> Short.toUnsignedLong(data.get(I16, i * 2));
      case INT8 -> data.get(ValueLayout.JAVA_BYTE, i);
      case UINT8, BOOL -> Byte.toUnsignedLong(data.get(ValueLayout.JAVA_BYTE, i));
      case FLOAT32, FLOAT64, FLOAT16, BFLOAT16 -> (long) getDouble(i);
    };
  }

  /**
   * Writes an element, rounded to nearest even for the floating-point types and cut towards zero
   * (then wrapped) for integers.
   *
   * @param i row-major index
   * @param value the value
   */
  public void setDouble(long i, double value) {
    switch (dtype) {
      case FLOAT32 -> data.set(F32, i * 4, (float) value);
      case FLOAT64 -> data.set(F64, i * 8, value);
      case FLOAT16 -> data.set(I16, i * 2, Float.floatToFloat16((float) value));
      case BFLOAT16 -> data.set(I16, i * 2, toBfloat16((float) value));
      case BOOL -> data.set(ValueLayout.JAVA_BYTE, i, (byte) (value != 0 ? 1 : 0));
      default -> setLong(i, (long) value);
    }
  }

  /**
   * Writes an integer, wrapped to the type's width.
   *
   * @param i row-major index
   * @param value the value
   */
  public void setLong(long i, long value) {
    switch (dtype) {
      case INT64, UINT64 -> data.set(I64, i * 8, value);
      case INT32, UINT32 -> data.set(I32, i * 4, (int) value);
      case INT16, UINT16 -> data.set(I16, i * 2, (short) value);
      case INT8, UINT8 -> data.set(ValueLayout.JAVA_BYTE, i, (byte) value);
      case BOOL -> data.set(ValueLayout.JAVA_BYTE, i, (byte) (value != 0 ? 1 : 0));
      case FLOAT32, FLOAT64, FLOAT16, BFLOAT16 -> setDouble(i, (double) value);
    }
  }

  /**
   * Copies the elements to the heap as floats.
   *
   * @return row-major elements
   */
  public float[] toFloats() {
    float[] out = new float[Math.toIntExact(elements)];
    if (dtype == DType.FLOAT32) {
      MemorySegment.copy(data, F32, 0, out, 0, out.length);
    } else {
      for (int i = 0; i < out.length; i++) {
        out[i] = (float) getDouble(i);
      }
    }
    return out;
  }

  /**
   * Copies the elements to the heap as integers.
   *
   * @return row-major elements
   */
  public long[] toLongs() {
    long[] out = new long[Math.toIntExact(elements)];
    for (int i = 0; i < out.length; i++) {
      out[i] = getLong(i);
    }
    return out;
  }

  /**
   * Rounds to bfloat16, nearest even; NaN stays NaN.
   *
   * @param value the value
   * @return the upper 16 bits
   */
  public static short toBfloat16(float value) {
    int bits = Float.floatToRawIntBits(value);
    if ((bits & 0x7fffffff) > 0x7f800000) {
      return (short) ((bits >>> 16) | 0x40);
    }
    return (short) ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16);
  }

  private static double unsignedToDouble(long bits) {
    double low = bits & Long.MAX_VALUE;
    return bits < 0 ? low + 0x1p63 : low;
  }

  private void checkCount(int count) {
    if (count != elements) {
      throw new InvalidInputException(
          count + " values do not fill shape " + Arrays.toString(shape));
    }
  }

  /**
   * Takes the elements of another tensor, converted where the element types differ.
   *
   * @param from as many elements, in the same order
   * @throws InvalidInputException if the number of elements differs
   */
  public void copyFrom(Tensor from) {
    if (from.elements != elements) {
      throw new InvalidInputException("cannot copy " + from + " into " + this);
    }
    if (from.dtype == dtype) {
      data.copyFrom(from.data);
      return;
    }
    for (long i = 0; i < elements; i++) {
      setDouble(i, from.getDouble(i));
    }
  }

  @Override
  public String toString() {
    return dtype + Arrays.toString(shape);
  }
}
