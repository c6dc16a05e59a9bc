package io.github.morseengine.engine.ir;

import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Shapes;
import io.github.morseengine.engine.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * A value known before a run: stored memory (often a mapped file) seen through at most one
 * dequantization, then at most one cast, then at most one reshape, then at most one transpose.
 * Nothing is converted until {@link #materialize} is called, so that files of half precision or of
 * quantized weights are never expanded as a whole.
 *
 * <p>Immutable; safe for use by several threads.
 */
public final class Constant {

  private static final int CHUNK = 4096;
  private static final ValueLayout.OfShort HALF =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Tensor source;
  private final Scaling scaling;
  private final DType dtype;
  private final long[] viewShape;
  private final int[] permutation;

  private Constant(
      Tensor source, Scaling scaling, DType dtype, long[] viewShape, int[] permutation) {
    this.source = source;
    this.scaling = scaling;
    this.dtype = dtype;
    this.viewShape = viewShape;
    this.permutation = permutation;
  }

  /**
   * Wraps stored memory.
   *
   * @param source the elements; must live as long as the constant
   * @return the constant
   */
  public static Constant of(Tensor source) {
    return new Constant(source, null, source.dtype(), source.shape(), null);
  }

  /**
   * The numbers that stored integers stand for: {@code (q - zero) * scale}.
   *
   * @param scales of float type; one for all, or one per position of an axis
   * @param zeros as many of the integers' type; null for 0
   * @param axis the axis of several scales
   * @return a lazy view; an eager copy where the integers themselves are a view
   */
  public Constant dequantize(Tensor scales, Tensor zeros, int axis) {
    if (scaling != null || !isStored() || !Arrays.equals(viewShape, source.shape())) {
      return of(materialize(Arena.ofAuto())).dequantize(scales, zeros, axis);
    }
    Scaling by = new Scaling(scales, zeros, axis);
    return new Constant(source, by, scales.dtype(), viewShape, null);
  }

  /**
   * The same elements in another type.
   *
   * @param target element type
   * @return a lazy view; an eager copy where two casts would have to be chained
   */
  public Constant cast(DType target) {
    if (target == dtype) {
      return this;
    }
    if (scaling != null ? dtype != scaling.scales().dtype() : dtype != source.dtype()) {
      return of(materialize(Arena.ofAuto())).cast(target);
    }
    return new Constant(source, scaling, target, viewShape, permutation);
  }

  /**
   * The same elements under another shape.
   *
   * @param shape dimensions with the same number of elements
   * @return a lazy view; an eager copy after a transpose
   */
  public Constant reshape(long... shape) {
    if (Arrays.equals(shape, shape())) {
      return this;
    }
    if (permutation != null) {
      return of(materialize(Arena.ofAuto())).reshape(shape);
    }
    if (Shapes.elements(shape) != source.elements()) {
      throw new IllegalArgumentException(
          "cannot view " + source + " as shape " + Arrays.toString(shape));
    }
    return new Constant(source, scaling, dtype, shape.clone(), null);
  }

  /**
   * The elements with permuted dimensions.
   *
   * @param perm {@code out.dim(i) == in.dim(perm[i])}
   * @return a lazy view
   */
  public Constant transpose(int... perm) {
    int[] combined = perm.clone();
    if (permutation != null) {
      for (int i = 0; i < perm.length; i++) {
        combined[i] = permutation[perm[i]];
      }
    }
    boolean identity = true;
    for (int i = 0; i < combined.length; i++) {
      identity &= combined[i] == i;
    }
    return new Constant(source, scaling, dtype, viewShape, identity ? null : combined);
  }

  /** {@return the element type after the cast} */
  public DType dtype() {
    return dtype;
  }

  /** {@return the dimensions after reshape and transpose} */
  public long[] shape() {
    if (permutation == null) {
      return viewShape.clone();
    }
    long[] out = new long[viewShape.length];
    for (int i = 0; i < out.length; i++) {
      out[i] = viewShape[permutation[i]];
    }
    return out;
  }

  /**
   * Where the elements of this view are in the order in which they are stored.
   *
   * @return distance in elements between neighbours, per dimension
   */
  public long[] strides() {
    long[] stored = Shapes.strides(viewShape);
    if (permutation == null) {
      return stored;
    }
    long[] out = new long[stored.length];
    for (int i = 0; i < out.length; i++) {
      out[i] = stored[permutation[i]];
    }
    return out;
  }

  /** {@return the number of elements} */
  public long elements() {
    return source.elements();
  }

  /** {@return the stored memory, before any view} */
  public Tensor source() {
    return source;
  }

  /** {@return whether {@link #materialize} returns the stored memory itself} */
  public boolean isStored() {
    return scaling == null && dtype == source.dtype() && permutation == null;
  }

  /** {@return whether dimensions are in another order than in the stored memory} */
  public boolean isTransposed() {
    return permutation != null;
  }

  /**
   * What distinguishes this view of {@link #source()} from others of the same bytes.
   *
   * @return a key for content-addressed stores
   */
  public String viewKey() {
    return source.dtype()
        + (scaling == null ? "" : scaling.key())
        + ">"
        + dtype
        + Arrays.toString(viewShape)
        + (permutation == null ? "" : Arrays.toString(permutation));
  }

  /**
   * Gives the elements as a dense row-major tensor.
   *
   * @param arena where a converted copy is allocated
   * @return the stored memory where nothing has to be converted, else a copy in {@code arena}
   */
  public Tensor materialize(Arena arena) {
    Tensor cast = source;
    if (scaling != null) {
      cast = Tensor.allocate(arena, dtype, source.shape());
      scaling.apply(source, 0, cast);
    } else if (dtype != source.dtype()) {
      cast = Tensor.allocate(arena, dtype, source.shape());
      convert(source, cast);
    }
    cast = cast.reshape(viewShape);
    if (permutation == null) {
      return cast;
    }
    Tensor out = Tensor.allocate(arena, dtype, shape());
    long[] inStrides = Shapes.strides(viewShape);
    long[] outShape = shape();
    long[] steps = new long[outShape.length];
    for (int i = 0; i < steps.length; i++) {
      steps[i] = inStrides[permutation[i]];
    }
    copyStrided(cast, out, outShape, steps);
    return out;
  }

  /**
   * Copies elements in the order in which they are stored, not transposed, converted to {@link
   * #dtype()}. Different ranges may be copied by different threads.
   *
   * @param target where element {@code first} goes, in this constant's element type
   * @param first the first element
   * @param count how many
   */
  public void copyStored(MemorySegment target, long first, long count) {
    long[] shape = {count};
    Tensor to = new Tensor(dtype, shape, target.asSlice(0, count * dtype.bytes()));
    if (scaling != null) {
      scaling.apply(source, first, to);
      return;
    }
    int bytes = source.dtype().bytes();
    MemorySegment from = source.data().asSlice(first * bytes, count * bytes);
    if (dtype == source.dtype()) {
      to.data().copyFrom(from);
    } else {
      convert(new Tensor(source.dtype(), shape, from), to);
    }
  }

  private static void convert(Tensor from, Tensor to) {
    boolean half = from.dtype() == DType.FLOAT16 || from.dtype() == DType.FLOAT32;
    boolean full = to.dtype() == DType.BFLOAT16 || to.dtype() == DType.FLOAT32;
    if (half && full) {
      pieces(from, to);
      return;
    }
    boolean integers = !from.dtype().isFloat() && !to.dtype().isFloat();
    long n = from.elements();
    for (long i = 0; i < n; i++) {
      if (integers) {
        to.setLong(i, from.getLong(i));
      } else {
        to.setDouble(i, from.getDouble(i));
      }
    }
  }

  /** The common cases, by pieces on the heap, where the compiler vectorises them. */
  private static void pieces(Tensor from, Tensor to) {
    short[] half = new short[(int) Math.min(CHUNK, from.elements())];
    float[] full = new float[half.length];
    for (long at = 0; at < from.elements(); at += half.length) {
      int n = (int) Math.min(half.length, from.elements() - at);
      if (from.dtype() == DType.FLOAT32) {
        MemorySegment.copy(from.data(), FLOAT, 4 * at, full, 0, n);
      } else {
        MemorySegment.copy(from.data(), HALF, 2 * at, half, 0, n);
        widen(half, full, n);
      }
      if (to.dtype() == DType.FLOAT32) {
        MemorySegment.copy(full, 0, to.data(), FLOAT, 4 * at, n);
      } else {
        narrow(full, half, n);
        MemorySegment.copy(half, 0, to.data(), HALF, 2 * at, n);
      }
    }
  }

  private static void widen(short[] half, float[] full, int n) {
    for (int i = 0; i < n; i++) {
      full[i] = Float.float16ToFloat(half[i]);
    }
  }

  private static void narrow(float[] full, short[] half, int n) {
    for (int i = 0; i < n; i++) {
      half[i] = Tensor.toBfloat16(full[i]);
    }
  }

  private static void copyStrided(Tensor from, Tensor to, long[] shape, long[] steps) {
    long n = to.elements();
    long[] index = new long[shape.length];
    long at = 0;
    int bytes = from.dtype().bytes();
    for (long i = 0; i < n; i++) {
      MemorySegment.copy(from.data(), at * bytes, to.data(), i * bytes, bytes);
      for (int d = shape.length - 1; d >= 0; d--) {
        at += steps[d];
        if (++index[d] < shape[d]) {
          break;
        }
        at -= steps[d] * shape[d];
        index[d] = 0;
      }
    }
  }

  @Override
  public String toString() {
    return dtype + Arrays.toString(shape());
  }
}
