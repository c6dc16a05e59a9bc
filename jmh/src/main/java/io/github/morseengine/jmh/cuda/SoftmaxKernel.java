package io.github.morseengine.jmh.cuda;

import io.github.morseengine.engine.tensor.Tensor;
import java.util.SplittableRandom;
import org.openjdk.jmh.annotations.Param;

/** {@code softmax.cu}, a row per warp. */
public class SoftmaxKernel extends KernelBenchmark {

  /** Rows, width: scores of attention of the shipped model and of SD 1.5, self and cross. */
  @Param({"256x64", "65536x77", "16384x1024", "65536x4096"})
  public String shape = "256x64";

  private long width;
  private Tensor x;
  private Tensor y;

  /** Created by JMH. */
  public SoftmaxKernel() {}

  @Override
  void build(Launches to) {
    long[] s = parse(shape);
    width = s[1];
    x = numbers(elements(), s[0] * width, 4);
    y = result(elements(), x.elements());
    to.add(
        "softmax_rows",
        Launches.grid(Math.ceilDiv(s[0], 4)),
        x,
        y,
        i(s[0]),
        i(width),
        i(width),
        i(width));
  }

  @Override
  protected void verify(SplittableRandom places) {
    long at = places.nextLong(y.elements());
    long first = at / width * width;
    double sum = 0;
    for (long k = 0; k < width; k++) {
      sum += Math.exp(x.getDouble(first + k));
    }
    double expected = Math.exp(x.getDouble(at)) / sum;
    near(shape + " at " + at, y.getDouble(at), expected, expected);
  }

  @Override
  protected long flops() {
    return 5 * y.elements();
  }

  @Override
  protected long bytes() {
    return x.byteSize() + y.byteSize();
  }
}
