package io.github.morseengine.jmh.cuda;

import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import java.util.SplittableRandom;
import org.openjdk.jmh.annotations.Param;

/** {@code gather.cu}: rows of a table by int64 indices, as a text encoder looks up tokens. */
public class GatherKernel extends KernelBenchmark {

  /** Rows of the table, indices, width: of a small model and of both text encoders of SDXL. */
  @Param({"100x64x128", "49408x154x768", "49408x154x1280"})
  public String shape = "100x64x128";

  private long width;
  private Tensor x;
  private Tensor index;
  private Tensor y;

  /** Created by JMH. */
  public GatherKernel() {}

  @Override
  void build(Launches to) {
    long[] s = parse(shape);
    width = s[2];
    x = numbers(elements(), s[0] * width, 2);
    index = Tensor.allocate(DType.INT64, s[1]);
    SplittableRandom random = new SplittableRandom(2);
    for (long n = 0; n < s[1]; n++) {
      index.setLong(n, random.nextLong(s[0]));
    }
    y = result(elements(), s[1] * width);
    to.add(
        "gather_" + elements().bytes() + "_int64",
        Launches.grid(Math.min(Math.ceilDiv(y.elements(), 256), 65535 * 8)),
        x,
        index,
        y,
        null,
        1L,
        s[0],
        s[1],
        width);
  }

  @Override
  protected void verify(SplittableRandom places) {
    long at = places.nextLong(y.elements());
    long from = index.getLong(at / width) * width + at % width;
    near(shape + " at " + at, y.getDouble(at), x.getDouble(from), 0);
  }

  @Override
  protected long flops() {
    return 0;
  }

  @Override
  protected long bytes() {
    return 2 * y.byteSize() + index.byteSize();
  }
}
