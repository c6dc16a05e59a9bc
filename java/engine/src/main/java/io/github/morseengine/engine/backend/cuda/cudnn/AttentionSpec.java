package io.github.morseengine.engine.backend.cuda.cudnn;

import io.github.morseengine.engine.tensor.DType;

/**
 * One scaled dot product attention without mask, as {@code ir.FusedOps.ATTENTION} defines it.
 * Operands are tokens, then heads, then the channels of a head, in memory.
 *
 * @param type float16 or bfloat16; cuDNN has none in float32
 * @param n batch
 * @param heads heads
 * @param queries rows of Q and of the output
 * @param keys rows of K and V
 * @param head channels of a head of Q and K
 * @param valueHead channels of a head of V and of the output
 * @param scale factor of the products
 * @param pitch distances between neighbouring tokens
 */
public record AttentionSpec(
    DType type,
    long n,
    long heads,
    long queries,
    long keys,
    long head,
    long valueHead,
    float scale,
    Pitch pitch) {

  /**
   * Elements between neighbouring tokens: all heads, or more where the operand is a slice of a
   * wider one.
   *
   * @param q of the queries
   * @param k of the keys
   * @param v of the values
   * @param o of the output
   */
  public record Pitch(long q, long k, long v, long o) {}

  /** {@return arithmetic operations of the two products; a multiply-add is two} */
  public long flops() {
    return 2 * n * heads * queries * keys * (head + valueHead);
  }

  /** {@return everything that tells it from other problems but the scale, as one line} */
  public String key() {
    return String.join(
        " ",
        "attention",
        type.toString(),
        n + "x" + heads,
        "q" + queries + "x" + head,
        "k" + keys + "x" + valueHead,
        "pitch" + pitch.q + "," + pitch.k + "," + pitch.v + "," + pitch.o);
  }

  @Override
  public String toString() {
    return key();
  }
}
