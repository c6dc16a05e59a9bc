package io.github.morseengine.jmh.cuda;

import io.github.morseengine.engine.tensor.Tensor;
import java.util.SplittableRandom;
import org.openjdk.jmh.annotations.Param;

/**
 * An island of element-wise operators on {@code pointwise.cuh}, in the form that the engine
 * generates: y = silu(a + b) * c, with c one number per channel.
 */
public class PointwiseIslandKernel extends KernelBenchmark {

  /** Pictures, channels, side: of the shipped model, of SD 1.5 and of SDXL with guidance. */
  @Param({"1x96x16", "2x320x64", "2x1280x16", "2x320x128"})
  public String shape = "1x96x16";

  private static final String SOURCE =
      """
      #include "pointwise.cuh"
      extern "C" __global__ void __launch_bounds__(256) island(
          const void* p0, const void* p1, const void* p2, void* y, long long n, long long d1) {
        for (long long i = global_thread(); i < n; i += global_threads()) {
          float x0 = load<CODE>(p0, i);
          float x1 = load<CODE>(p1, i);
          float x2 = load<CODE>(p2, i % d1);
          float t0 = x0 + x1;
          float t1 = f_silu(t0);
          store<CODE>(y, i, t1 * x2);
        }
      }
      """;

  private long channels;
  private Tensor a;
  private Tensor b;
  private Tensor c;
  private Tensor y;

  /** Created by JMH. */
  public PointwiseIslandKernel() {}

  @Override
  void build(Launches to) {
    long[] s = parse(shape);
    channels = s[1];
    long count = s[0] * channels * s[2] * s[2];
    a = numbers(elements(), count, 2);
    b = numbers(elements(), count, 2);
    c = numbers(elements(), channels, 2);
    y = result(elements(), count);
    to.addGenerated(
        "island",
        SOURCE.replace("CODE", Integer.toString(Launches.code(elements()))),
        Launches.grid(Math.min(Math.ceilDiv(count, 256), 65535 * 8)),
        a,
        b,
        c,
        y,
        count,
        channels);
  }

  @Override
  protected void verify(SplittableRandom places) {
    long at = places.nextLong(y.elements());
    double v = a.getDouble(at) + b.getDouble(at);
    double expected = v / (1 + Math.exp(-v)) * c.getDouble(at % channels);
    near(shape + " at " + at, y.getDouble(at), expected, Math.abs(expected));
  }

  @Override
  protected long flops() {
    return 6 * y.elements();
  }

  @Override
  protected long bytes() {
    return a.byteSize() + b.byteSize() + c.byteSize() + y.byteSize();
  }
}
