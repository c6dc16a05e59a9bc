package io.github.morseengine.jmh.cuda;

import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import java.util.SplittableRandom;
import org.openjdk.jmh.annotations.Param;

/**
 * {@code resize.cu}: twice the side by nearest neighbour, as before the convolution of an up block.
 */
public class ResizeKernel extends KernelBenchmark {

  /** Pictures, channels, side before: of the shipped model, of SD 1.5 and of SDXL with guidance. */
  @Param({"1x160x4", "1x128x8", "2x1280x8", "2x1280x16", "2x640x32", "2x1280x32", "2x640x64"})
  public String shape = "1x160x4";

  private long[] s;
  private Tensor x;
  private Tensor y;

  /** Created by JMH. */
  public ResizeKernel() {}

  @Override
  void build(Launches to) {
    s = parse(shape);
    x = numbers(elements(), s[0] * s[1] * s[2] * s[2], 2);
    y = result(elements(), 4 * x.elements());
    Tensor source = Tensor.allocate(DType.INT32, 2 * s[2]);
    for (long p = 0; p < 2 * s[2]; p++) {
      source.setLong(p, p / 2);
    }
    int vector = vector(s[1]);
    to.add(
        "resize_nearest" + suffix(vector),
        Launches.grid(Math.ceilDiv(y.elements() / vector, 256)),
        x,
        y,
        source,
        source,
        i(s[0]),
        i(s[2]),
        i(s[2]),
        i(s[1]),
        i(2 * s[2]),
        i(2 * s[2]),
        i(s[1]),
        i(s[1]));
  }

  @Override
  protected void verify(SplittableRandom places) {
    long at = places.nextLong(y.elements());
    long side = 2 * s[2];
    long pixel = at / s[1];
    long row = pixel / side % side / 2;
    long from = (pixel / side / side * s[2] + row) * s[2] + pixel % side / 2;
    near(shape + " at " + at, y.getDouble(at), x.getDouble(from * s[1] + at % s[1]), 0);
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
