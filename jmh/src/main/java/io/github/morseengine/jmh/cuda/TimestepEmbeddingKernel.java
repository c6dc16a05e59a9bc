package io.github.morseengine.jmh.cuda;

import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import java.util.SplittableRandom;
import org.openjdk.jmh.annotations.Param;

/** {@code timestep_embedding.cu}: cosines, then sines. */
public class TimestepEmbeddingKernel extends KernelBenchmark {

  /**
   * Timesteps, width: of the shipped model, of SD 1.5 and SDXL with guidance and of a large batch.
   */
  @Param({"1x64", "2x320", "64x320"})
  public String shape = "1x64";

  private static final float MAX_PERIOD = 10000;

  private long half;
  private Tensor t;
  private Tensor y;

  /** Created by JMH. */
  public TimestepEmbeddingKernel() {}

  @Override
  void build(Launches to) {
    long[] s = parse(shape);
    half = s[1] / 2;
    t = numbers(DType.FLOAT32, s[0], 1);
    for (long n = 0; n < s[0]; n++) {
      t.setDouble(n, Math.rint(500 * (1 + t.getDouble(n))));
    }
    y = result(elements(), s[0] * s[1]);
    to.add(
        "timestep_embedding",
        Launches.grid(Math.ceilDiv(s[0] * half, 256)),
        t,
        y,
        i(s[0]),
        i(half),
        i(s[1]),
        1,
        0f,
        1f,
        MAX_PERIOD);
  }

  @Override
  protected void verify(SplittableRandom places) {
    long at = places.nextLong(y.elements());
    long i = at % half;
    double angle = t.getDouble(at / half / 2) * Math.exp(-Math.log(MAX_PERIOD) * i / half);
    double expected = at / half % 2 == 0 ? Math.cos(angle) : Math.sin(angle);
    // The angle is rounded to float32.
    near(shape + " at " + at, y.getDouble(at), expected, 1 + Math.abs(angle) * 0x1p-8);
  }

  @Override
  protected long flops() {
    return 4 * y.elements();
  }

  @Override
  protected long bytes() {
    return t.byteSize() + y.byteSize();
  }
}
