package io.github.morseengine.engine.graph.passes;

import io.github.morseengine.engine.ir.Constant;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.tensor.Tensor;
import java.lang.foreign.Arena;
import java.util.function.LongToDoubleFunction;

/** Makes new constants; whatever a pass only sees in another shape stays a view of the file. */
final class Constants {

  /** Larger weights are not rewritten: they would no longer be read from the file. */
  static final long CHEAP_WEIGHTS = 4L << 20;

  private Constants() {}

  /** A float32 vector with computed elements. */
  static Value vector(String name, long size, LongToDoubleFunction element) {
    float[] all = new float[Math.toIntExact(size)];
    for (int i = 0; i < all.length; i++) {
      all[i] = (float) element.applyAsDouble(i);
    }
    return Value.ofConstant(name, Constant.of(Tensor.ofFloats(all, size)));
  }

  static Value filled(String name, long size, double number) {
    return vector(name, size, i -> number);
  }

  static Value scalar(String name, double number) {
    return Value.ofConstant(name, Constant.of(Tensor.ofFloats(new float[] {(float) number})));
  }

  /** A constant times a number, in float32. */
  static Value scaled(Value v, double factor) {
    if (v == null || factor == 1) {
      return v;
    }
    Tensor t = v.constant().materialize(Arena.ofAuto());
    Value flat = vector(v.name(), t.elements(), i -> t.getDouble(i) * factor);
    return Value.ofConstant(v.name(), flat.constant().reshape(v.shape()));
  }
}
