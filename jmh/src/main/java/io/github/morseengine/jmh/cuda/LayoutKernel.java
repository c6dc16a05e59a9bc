package io.github.morseengine.jmh.cuda;

import io.github.morseengine.engine.tensor.Tensor;
import java.util.SplittableRandom;
import org.openjdk.jmh.annotations.Param;

/** {@code layout.cu}: NCHW to NHWC by tiles, and a slice of channels as Concat copies it. */
public class LayoutKernel extends KernelBenchmark {

  /** Pictures, channels, side: of the shipped model, of SD 1.5 and of SDXL with guidance. */
  @Param({"1x3x32", "1x96x16", "2x4x64", "2x320x64", "2x1280x16", "2x320x128"})
  public String shape = "1x96x16";

  /** By tiles through shared memory, or by the copy that takes any strides. */
  @Param({"transpose", "strided"})
  public String copy = "transpose";

  private long channels;
  private long pixels;
  private Tensor x;
  private Tensor y;

  /** Created by JMH. */
  public LayoutKernel() {}

  @Override
  void build(Launches to) {
    long[] s = parse(shape);
    channels = s[1];
    pixels = s[2] * s[2];
    x = numbers(elements(), s[0] * channels * pixels, 2);
    y = result(elements(), x.elements());
    String name =
        switch (elements()) {
          case FLOAT32 -> "_float_float";
          case FLOAT16 -> "_half_half";
          default -> "_bfloat_bfloat";
        };
    if (copy.equals("transpose")) {
      to.add(
          "transpose" + name,
          Launches.grid(Math.ceilDiv(pixels, 32), Math.ceilDiv(channels, 32), s[0]),
          x,
          y,
          i(channels),
          i(pixels),
          i(pixels),
          i(channels),
          channels * pixels,
          channels * pixels);
      return;
    }
    to.add(
        "copy" + name,
        Launches.grid(Math.min(Math.ceilDiv(x.elements(), 256), 65535 * 8)),
        x,
        y,
        3,
        s[0],
        pixels,
        channels,
        1L,
        1L,
        1L,
        channels * pixels,
        1L,
        pixels,
        0L,
        0L,
        0L,
        channels * pixels,
        channels,
        1L,
        0L,
        0L,
        0L);
  }

  @Override
  protected void verify(SplittableRandom places) {
    long at = places.nextLong(y.elements());
    long n = at / channels / pixels;
    long from = (n * channels + at % channels) * pixels + at / channels % pixels;
    near(copy + " " + shape + " at " + at, y.getDouble(at), x.getDouble(from), 0);
  }

  @Override
  protected long flops() {
    return 0;
  }

  @Override
  protected long bytes() {
    return x.byteSize() + y.byteSize();
  }
}
