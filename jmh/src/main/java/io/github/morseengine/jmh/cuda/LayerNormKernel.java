package io.github.morseengine.jmh.cuda;

import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import java.util.SplittableRandom;
import org.openjdk.jmh.annotations.Param;

/** {@code layer_norm.cu}, a row of tokens per warp. */
public class LayerNormKernel extends KernelBenchmark {

  /** Rows, width: of the shipped model, of SD 1.5 and of SDXL with guidance. */
  @Param({"64x128", "8192x320", "2048x640", "512x1280", "8192x640", "2048x1280"})
  public String shape = "64x128";

  private static final float EPSILON = 1e-5f;

  private long width;
  private Tensor x;
  private Tensor gamma;
  private Tensor beta;
  private Tensor y;

  /** Created by JMH. */
  public LayerNormKernel() {}

  @Override
  void build(Launches to) {
    long[] s = parse(shape);
    width = s[1];
    x = numbers(elements(), s[0] * width, 2);
    gamma = numbers(DType.FLOAT32, width, 1);
    beta = numbers(DType.FLOAT32, width, 1);
    y = result(elements(), x.elements());
    to.add(
        "layer_norm" + suffix(vector(width)),
        Launches.grid(Math.ceilDiv(s[0], 4)),
        x,
        gamma,
        beta,
        y,
        i(s[0]),
        i(width),
        i(width),
        i(width),
        EPSILON);
  }

  @Override
  protected void verify(SplittableRandom places) {
    long at = places.nextLong(y.elements());
    long first = at / width * width;
    double mean = 0;
    double variance = 0;
    for (long k = 0; k < width; k++) {
      mean += x.getDouble(first + k) / width;
    }
    for (long k = 0; k < width; k++) {
      double v = x.getDouble(first + k) - mean;
      variance += v * v / width;
    }
    double v = (x.getDouble(at) - mean) / Math.sqrt(variance + EPSILON);
    v = v * gamma.getDouble(at % width) + beta.getDouble(at % width);
    near(shape + " at " + at, y.getDouble(at), v, 1 + Math.abs(v));
  }

  @Override
  protected long flops() {
    return 8 * y.elements();
  }

  @Override
  protected long bytes() {
    return x.byteSize() + y.byteSize();
  }
}
