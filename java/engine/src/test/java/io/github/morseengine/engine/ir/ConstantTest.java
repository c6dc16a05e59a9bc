package io.github.morseengine.engine.ir;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import java.lang.foreign.Arena;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class ConstantTest {

  private static final long ROWS = 131;
  private static final long COLUMNS = 67;

  private static Tensor random(DType type) {
    Random random = new Random(5);
    Tensor t = Tensor.allocate(type, ROWS, COLUMNS);
    for (long i = 0; i < t.elements(); i++) {
      t.setDouble(i, type.isFloat() ? random.nextGaussian() : random.nextInt(-100, 100));
    }
    if (type.isFloat()) {
      t.setDouble(0, Double.NaN);
      t.setDouble(1, Double.POSITIVE_INFINITY);
    }
    return t;
  }

  static Stream<Arguments> casts() {
    return Stream.of(DType.FLOAT32, DType.FLOAT16, DType.BFLOAT16, DType.FLOAT64, DType.INT8)
        .flatMap(
            from ->
                Stream.of(DType.FLOAT32, DType.FLOAT16, DType.BFLOAT16, DType.FLOAT64)
                    .map(to -> Arguments.of(from, to)));
  }

  /** By ranges, and in the order in which they are stored, whatever the view. */
  @ParameterizedTest
  @MethodSource("casts")
  void copiesStoredElements(DType from, DType to) {
    Tensor source = random(from);
    Constant c = Constant.of(source).cast(to).transpose(1, 0);
    Tensor target = Tensor.allocate(to, ROWS, COLUMNS);
    long half = 4099;
    c.copyStored(target.data(), 0, half);
    c.copyStored(target.data().asSlice(half * to.bytes()), half, ROWS * COLUMNS - half);
    for (long i = 0; i < target.elements(); i++) {
      Tensor one = Tensor.allocate(to, 1);
      one.setDouble(0, source.getDouble(i));
      assertEquals(one.getDouble(0), target.getDouble(i), from + " to " + to + " at " + i);
    }
    assertArrayEquals(new long[] {1, COLUMNS}, c.strides());
    Tensor turned = c.materialize(Arena.ofAuto());
    assertEquals(target.getDouble(2 * COLUMNS + 3), turned.getDouble(3 * ROWS + 2));
  }

  @ParameterizedTest
  @MethodSource("casts")
  void copiesDequantizedElements(DType ignored, DType to) {
    Tensor source = random(DType.INT8);
    float[] scales = new float[(int) ROWS];
    for (int i = 0; i < scales.length; i++) {
      scales[i] = 1 + i;
    }
    Constant c = Constant.of(source).dequantize(Tensor.ofFloats(scales, ROWS), null, 0).cast(to);
    Tensor whole = c.materialize(Arena.ofAuto());
    Tensor target = Tensor.allocate(to, ROWS, COLUMNS);
    long first = 1000;
    c.copyStored(target.data().asSlice(first * to.bytes()), first, 77);
    for (long i = first; i < first + 77; i++) {
      assertEquals(whole.getDouble(i), target.getDouble(i));
    }
  }
}
