package io.github.morseengine.engine.backend.cuda.cudnn;

import io.github.morseengine.engine.tensor.DType;

/**
 * One convolution with epilogue, {@code y = act(conv(x, w) + bias + residual)}, as {@code
 * ir.FusedOps.CONV} defines it. Images are N, H, W, C in memory, weights K, R, S, C/groups; a row
 * of channels may lie in a wider one. Activations and weights have one type, the bias is float32.
 *
 * @param type float32, float16 or bfloat16
 * @param n pictures
 * @param c input channels
 * @param h input height
 * @param w input width
 * @param k output channels
 * @param r kernel height
 * @param s kernel width
 * @param window steps and padding
 * @param groups groups of channels
 * @param epilogue what follows the sum
 * @param pitch distances between neighbouring positions
 * @param alignment bytes that all addresses of images are a multiple of; 16 and more is fastest
 * @param tf32 whether float32 may be multiplied as TF32 (10 bits of mantissa)
 */
public record ConvSpec(
    DType type,
    long n,
    long c,
    long h,
    long w,
    long k,
    long r,
    long s,
    Window window,
    long groups,
    Epilogue epilogue,
    Pitch pitch,
    long alignment,
    boolean tf32) {

  /**
   * Steps and padding, in positions.
   *
   * @param strideH vertical step
   * @param strideW horizontal step
   * @param dilationH vertical distance within the kernel
   * @param dilationW horizontal distance within the kernel
   * @param top padding above
   * @param left padding to the left
   * @param bottom padding below
   * @param right padding to the right
   */
  public record Window(
      long strideH,
      long strideW,
      long dilationH,
      long dilationW,
      long top,
      long left,
      long bottom,
      long right) {

    /**
     * The same in both directions.
     *
     * @param stride step
     * @param padding on each side
     * @return the window
     */
    public static Window square(long stride, long padding) {
      return new Window(stride, stride, 1, 1, padding, padding, padding, padding);
    }
  }

  /**
   * What follows the sum of products, in this order.
   *
   * @param bias adds one float32 per output channel
   * @param residual adds an image of the output's shape
   * @param silu applies x * sigmoid(x)
   */
  public record Epilogue(boolean bias, boolean residual, boolean silu) {

    /** Nothing. */
    public static final Epilogue NONE = new Epilogue(false, false, false);
  }

  /**
   * Elements between neighbouring positions of an image: its channels, or more where the image is a
   * slice of a wider one.
   *
   * @param x of the input
   * @param y of the output
   * @param residual of the residual
   */
  public record Pitch(long x, long y, long residual) {}

  private static final long DEFAULT_ALIGNMENT = 16;

  /**
   * A dense convolution.
   *
   * @param type element type
   * @param x input: pictures, channels, height, width
   * @param k output channels
   * @param r kernel height and width
   * @param window steps and padding
   * @param epilogue what follows the sum
   * @return the problem
   */
  public static ConvSpec dense(
      DType type, long[] x, long k, long r, Window window, Epilogue epilogue) {
    return new ConvSpec(
        type,
        x[0],
        x[1],
        x[2],
        x[3],
        k,
        r,
        r,
        window,
        1,
        epilogue,
        new Pitch(x[1], k, k),
        DEFAULT_ALIGNMENT,
        true);
  }

  /** {@return output height} */
  public long outH() {
    return (h + window.top + window.bottom - window.dilationH * (r - 1) - 1) / window.strideH + 1;
  }

  /** {@return output width} */
  public long outW() {
    return (w + window.left + window.right - window.dilationW * (s - 1) - 1) / window.strideW + 1;
  }

  /** {@return arithmetic operations; a multiply-add is two} */
  public long flops() {
    return 2 * n * k * outH() * outW() * (c / groups) * r * s;
  }

  /** {@return bytes that must be read and written at least} */
  public long bytes() {
    long outputs = n * k * outH() * outW() * (epilogue.residual ? 2 : 1);
    long elements = n * c * h * w + k * (c / groups) * r * s + outputs;
    return elements * type.bytes() + (epilogue.bias ? k * Float.BYTES : 0);
  }

  /** {@return everything that tells it from other problems, as one line} */
  public String key() {
    Window v = window;
    StringBuilder text = new StringBuilder("conv ");
    text.append(type).append(tf32 && type == DType.FLOAT32 ? " tf32" : "");
    text.append(" x").append(n).append('x').append(c).append('x').append(h).append('x').append(w);
    text.append(" w").append(k).append('x').append(r).append('x').append(s);
    text.append(" groups").append(groups);
    text.append(" strides").append(v.strideH).append(',').append(v.strideW);
    text.append(" dilations").append(v.dilationH).append(',').append(v.dilationW);
    text.append(" pads").append(v.top).append(',').append(v.left);
    text.append(',').append(v.bottom).append(',').append(v.right);
    text.append(" pitch").append(pitch.x).append(',').append(pitch.y);
    text.append(epilogue.residual ? "," + pitch.residual : "");
    text.append(" align").append(alignment);
    text.append(epilogue.bias ? " bias" : "").append(epilogue.residual ? " residual" : "");
    return text.append(epilogue.silu ? " silu" : "").toString();
  }

  @Override
  public String toString() {
    return key();
  }
}
