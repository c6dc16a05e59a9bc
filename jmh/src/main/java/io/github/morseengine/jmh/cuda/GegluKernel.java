package io.github.morseengine.jmh.cuda;

import io.github.morseengine.engine.tensor.Tensor;
import java.util.SplittableRandom;
import org.openjdk.jmh.annotations.Param;

/** {@code geglu.cu}: one half of each row gated by the GELU (erf) of the other. */
public class GegluKernel extends KernelBenchmark {

  /** Rows, width of the result: of a small transformer, of SD 1.5 and of SDXL with guidance. */
  @Param({"64x512", "8192x1280", "2048x2560", "512x5120", "8192x2560", "2048x5120"})
  public String shape = "64x512";

  private long width;
  private Tensor x;
  private Tensor y;

  /** Created by JMH. */
  public GegluKernel() {}

  @Override
  void build(Launches to) {
    long[] s = parse(shape);
    width = s[1];
    x = numbers(elements(), s[0] * 2 * width, 3);
    y = result(elements(), s[0] * width);
    int vector = vector(width);
    to.add(
        "geglu" + suffix(vector),
        Launches.grid(Math.ceilDiv(s[0] * (width / vector), 256)),
        x,
        y,
        i(s[0]),
        i(width),
        i(2 * width),
        i(width));
  }

  @Override
  protected void verify(SplittableRandom places) {
    long at = places.nextLong(y.elements());
    long from = at / width * 2 * width + at % width;
    double a = x.getDouble(from);
    double b = x.getDouble(from + width);
    double expected = a * b * 0.5 * (1 + erf(b / Math.sqrt(2)));
    near(shape + " at " + at, y.getDouble(at), expected, Math.abs(a * b));
  }

  /** Series 7.1.6 of Abramowitz and Stegun, whose terms all have one sign. */
  private static double erf(double v) {
    double term = v;
    double sum = v;
    for (int n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
      term *= 2 * v * v / (2 * n + 1);
      sum += term;
    }
    return 2 / Math.sqrt(Math.PI) * Math.exp(-v * v) * sum;
  }

  @Override
  protected long flops() {
    return 10 * y.elements();
  }

  @Override
  protected long bytes() {
    return x.byteSize() + y.byteSize();
  }
}
