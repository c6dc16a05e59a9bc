package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Row-major elements of one type as those of another, shared among the threads: the pairs that
 * models convert between at each run have loops of their own.
 */
final class Conversion {

  private static final long PARALLEL_FROM = 8192;
  private static final ValueLayout.OfFloat F = ValueLayout.JAVA_FLOAT;

  private Conversion() {}

  /** Converts elements from one index to another. */
  private interface Part {
    void run(long from, long to);
  }

  static Step.Bound bind(Binding b, View from, View to) {
    long n = to.elements();
    Part part = part(b.of(from), b.of(to), from, to);
    if (n < PARALLEL_FROM) {
      return () -> part.run(0, n);
    }
    return () ->
        b.team().parallel((t, threads) -> part.run(n * t / threads, n * (t + 1) / threads));
  }

  private static Part part(MemorySegment x, MemorySegment y, View from, View to) {
    DType a = from.dtype();
    DType b = to.dtype();
    if (a == b) {
      long size = a.bytes();
      return (i, end) -> MemorySegment.copy(x, i * size, y, i * size, (end - i) * size);
    }
    if (b == DType.FLOAT32) {
      switch (a) {
        case BOOL, UINT8 -> {
          return (i, end) -> bytes(x, y, i, end);
        }
        case FLOAT16 -> {
          return (i, end) -> widen(x, y, i, end);
        }
        case INT64 -> {
          return (i, end) -> longs(x, y, i, end);
        }
        default -> {}
      }
    }
    if (a == DType.FLOAT32 && b == DType.FLOAT16) {
      return (i, end) -> narrow(x, y, i, end);
    }
    Tensor in = new Tensor(a, from.shape(), x);
    Tensor out = new Tensor(b, to.shape(), y);
    boolean integers = !a.isFloat() && !b.isFloat();
    return (i, end) -> any(in, out, integers, i, end);
  }

  private static void bytes(MemorySegment x, MemorySegment y, long from, long to) {
    for (long i = from; i < to; i++) {
      y.setAtIndex(F, i, x.get(ValueLayout.JAVA_BYTE, i) & 255);
    }
  }

  private static void widen(MemorySegment x, MemorySegment y, long from, long to) {
    for (long i = from; i < to; i++) {
      y.setAtIndex(F, i, Float.float16ToFloat(x.getAtIndex(ValueLayout.JAVA_SHORT, i)));
    }
  }

  private static void narrow(MemorySegment x, MemorySegment y, long from, long to) {
    for (long i = from; i < to; i++) {
      y.setAtIndex(ValueLayout.JAVA_SHORT, i, Float.floatToFloat16(x.getAtIndex(F, i)));
    }
  }

  private static void longs(MemorySegment x, MemorySegment y, long from, long to) {
    for (long i = from; i < to; i++) {
      y.setAtIndex(F, i, x.getAtIndex(ValueLayout.JAVA_LONG, i));
    }
  }

  private static void any(Tensor x, Tensor y, boolean integers, long from, long to) {
    for (long i = from; i < to; i++) {
      if (integers) {
        y.setLong(i, x.getLong(i));
      } else {
        y.setDouble(i, x.getDouble(i));
      }
    }
  }
}
