package io.github.morseengine.engine.graph.passes;

import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Constant;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import java.lang.foreign.Arena;

/** Masks as fused attention takes them: numbers that are added to the scores. */
final class AttentionMasks {

  /** A larger causal mask is not spelled out. */
  private static final long LARGEST = 4L << 20;

  private AttentionMasks() {}

  /** A mask of numbers itself, a constant mask of truth values as 0 and -infinity; else null. */
  static Value additive(Value mask) {
    if (Match.isReal(mask)) {
      return mask;
    }
    if (mask.dtype() != DType.BOOL || !mask.isConstant() || mask.elements() > LARGEST) {
      return null;
    }
    Tensor seen = mask.constant().materialize(Arena.ofAuto());
    Value flat =
        Constants.vector(
            mask.name(), seen.elements(), i -> seen.getLong(i) != 0 ? 0 : Double.NEGATIVE_INFINITY);
    return Value.ofConstant(mask.name(), flat.constant().reshape(mask.shape()));
  }

  /** Lets position i see keys 0 to i; null where that would be too large. */
  static Value causal(String name, long positions, long keys) {
    if (keys > 0 && positions > LARGEST / keys) {
      return null;
    }
    Value flat =
        Constants.vector(
            name, positions * keys, i -> i % keys > i / keys ? Double.NEGATIVE_INFINITY : 0);
    Constant square = flat.constant().reshape(positions, keys);
    return Value.ofConstant(name, square);
  }

  /**
   * A mask that leaves every position a key, and what the result is multiplied by.
   *
   * @param mask as given, but 0 for positions that had no key
   * @param keep 0 for those positions, 1 for the others; its last dimension is 1
   */
  record Guarded(Value mask, Value keep) {}

  /**
   * For a mask that is known when the model runs: a position without any key gets zeros, as of
   * ONNX's Attention and of {@code where(isnan(p), 0, p)} behind softmax. All layers with one mask
   * share what it takes.
   *
   * @param mask numbers that are added, or truth values
   */
  static Guarded guarded(Rewriter r, Value mask) {
    int last = mask.rank() - 1;
    long[] rows = mask.shape().clone();
    rows[last] = 1;
    String name = mask.name();
    Value axis =
        Value.ofConstant(name + "/axis", Constant.of(Tensor.ofLongs(new long[] {last}, 1)));
    Value zero = Constants.scalar(name + "/zero", 0);
    Value least = Constants.scalar(name + "/least", Double.NEGATIVE_INFINITY);
    if (!Match.isReal(mask)) {
      mask = select(r, name + "/added", mask.shape(), mask, zero, least);
    }
    Value most = r.emit(name + "/most", "", "ReduceMax", Attributes.NONE, rows, mask, axis);
    Value blind = r.emit(name + "/blind", "", "Equal", Attributes.NONE, rows, most, least);
    blind.setType(DType.BOOL, rows);
    Value one = Constants.scalar(name + "/one", 1);
    return new Guarded(
        select(r, name + "/open", mask.shape(), blind, zero, mask),
        select(r, name + "/keep", rows, blind, zero, one));
  }

  private static Value select(
      Rewriter r, String name, long[] shape, Value condition, Value yes, Value no) {
    Value out = r.emit(name, "", "Where", Attributes.NONE, shape, condition, yes, no);
    out.setType(DType.FLOAT32, shape);
    return out;
  }

  /** Whether no position is forbidden every key, so that softmax over finite scores is finite. */
  static boolean leavesKeys(Value mask) {
    if (mask == null) {
      return true;
    }
    if (!mask.isConstant() || mask.rank() == 0 || mask.elements() > LARGEST) {
      return false;
    }
    long keys = mask.shape()[mask.rank() - 1];
    Tensor t = mask.constant().materialize(Arena.ofAuto());
    for (long row = 0; row < t.elements(); row += keys) {
      boolean finite = false;
      for (long i = row; i < row + keys; i++) {
        finite |= Double.isFinite(t.getDouble(i));
      }
      if (!finite) {
        return false;
      }
    }
    return true;
  }
}
