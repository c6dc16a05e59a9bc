package io.github.morseengine.engine.backend.cuda.cublaslt;

import io.github.morseengine.engine.tensor.DType;

/**
 * Products of row-major matrices with epilogue, {@code D = act(alpha * A B + C + bias)}. All have
 * one type, and so has the bias; sums are float32.
 *
 * @param type float32, float16 or bfloat16
 * @param m rows of A, C and D
 * @param n columns of B, C and D
 * @param k columns of A, rows of B
 * @param a where A lies
 * @param b where B lies
 * @param transposedB whether B lies as [n][k] instead of [k][n]
 * @param c where C lies; null adds none. With C at the address of D the product is accumulated
 * @param d where D lies
 * @param batch number of products
 * @param bias whether one number per column is added
 * @param gelu whether GELU by its approximation with tanh follows; cuBLASLt has no other
 * @param alpha factor of the product
 * @param tf32 whether float32 may be multiplied as TF32 (10 bits of mantissa)
 * @param alignment bytes that all addresses are a multiple of; 16 and more is fastest
 */
public record MatmulSpec(
    DType type,
    long m,
    long n,
    long k,
    Place a,
    Place b,
    boolean transposedB,
    Place c,
    Place d,
    int batch,
    boolean bias,
    boolean gelu,
    float alpha,
    boolean tf32,
    int alignment) {

  /**
   * How a matrix lies in memory.
   *
   * @param pitch elements between neighbouring rows
   * @param stride elements between neighbouring matrices of a batch; 0 repeats one
   */
  public record Place(long pitch, long stride) {}

  private static final int DEFAULT_ALIGNMENT = 16;

  /**
   * A linear layer on dense rows.
   *
   * @param type element type
   * @param m rows
   * @param n output width
   * @param k input width
   * @param transposedB whether the weights lie as [n][k]
   * @param bias whether there is a bias
   * @param gelu whether GELU (tanh) follows
   * @return the product
   */
  public static MatmulSpec linear(
      DType type, long m, long n, long k, boolean transposedB, boolean bias, boolean gelu) {
    return new MatmulSpec(
        type,
        m,
        n,
        k,
        new Place(k, 0),
        new Place(transposedB ? k : n, 0),
        transposedB,
        null,
        new Place(n, 0),
        1,
        bias,
        gelu,
        1,
        true,
        DEFAULT_ALIGNMENT);
  }

  /** {@return arithmetic operations; a multiply-add is two} */
  public long flops() {
    return 2 * m * n * k * batch;
  }

  /** {@return bytes that must be read and written at least} */
  public long bytes() {
    long weights = b.stride == 0 ? 1 : batch;
    long results = c == null ? 1 : 2;
    return (batch * (m * k + results * m * n) + weights * n * k + (bias ? n : 0)) * type.bytes();
  }

  /** {@return everything that the choice of an algorithm depends on, as one line} */
  public String key() {
    StringBuilder text = new StringBuilder("matmul ");
    text.append(type).append(tf32 && type == DType.FLOAT32 ? " tf32" : "");
    text.append(' ').append(m).append('x').append(n).append('x').append(k);
    text.append(" batch").append(batch);
    text.append(" a").append(a.pitch).append('+').append(a.stride);
    text.append(transposedB ? " bt" : " b").append(b.pitch).append('+').append(b.stride);
    if (c != null) {
      text.append(" c").append(c.pitch).append('+').append(c.stride);
    }
    text.append(" d").append(d.pitch).append('+').append(d.stride);
    text.append(" align").append(alignment);
    return text.append(bias ? " bias" : "").append(gelu ? " gelu" : "").toString();
  }

  @Override
  public String toString() {
    return key();
  }
}
