package io.github.morseengine.jmh.cuda;

import io.github.morseengine.engine.tensor.Tensor;
import java.util.SplittableRandom;
import org.openjdk.jmh.annotations.Param;

/** {@code pixel_shuffle.cu}: blocks of 2x2 pixels out of channels, and back. */
public class PixelShuffleKernel extends KernelBenchmark {

  /**
   * Pictures, channels, side, all of the deep tensor: as many elements as the networks' inner ones.
   */
  @Param({"1x384x8", "2x1280x32", "2x1280x64"})
  public String shape = "1x384x8";

  /** Which way. */
  @Param({"depth_to_space", "space_to_depth"})
  public String direction = "depth_to_space";

  private long side;
  private long channels;
  private Tensor x;
  private Tensor y;

  /** Created by JMH. */
  public PixelShuffleKernel() {}

  @Override
  void build(Launches to) {
    long[] s = parse(shape);
    channels = s[1] / 4;
    side = s[2];
    x = numbers(elements(), s[0] * s[1] * side * side, 2);
    y = result(elements(), x.elements());
    boolean toSpace = direction.equals("depth_to_space");
    long from = toSpace ? side : 2 * side;
    long deep = 4 * channels;
    to.add(
        direction,
        Launches.grid(Math.ceilDiv(x.elements(), 256)),
        x,
        y,
        i(s[0]),
        i(from),
        i(from),
        i(toSpace ? deep : channels),
        2,
        0,
        i(toSpace ? deep : channels),
        i(toSpace ? channels : deep));
  }

  /** Where an element of the deep tensor lies in the wide one. */
  private long wide(long at) {
    long channel = at % (4 * channels);
    long pixel = at / (4 * channels);
    long cell = channel / channels;
    long row = pixel / side * 2 + cell / 2;
    long column = pixel % side * 2 + cell % 2;
    return (row * 2 * side + column) * channels + channel % channels;
  }

  @Override
  protected void verify(SplittableRandom places) {
    long deep = places.nextLong(y.elements());
    boolean toSpace = direction.equals("depth_to_space");
    double got = y.getDouble(toSpace ? wide(deep) : deep);
    double expected = x.getDouble(toSpace ? deep : wide(deep));
    near(direction + " " + shape + " of element " + deep, got, expected, 0);
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
