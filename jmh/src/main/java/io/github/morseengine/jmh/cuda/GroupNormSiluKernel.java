package io.github.morseengine.jmh.cuda;

import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import java.util.SplittableRandom;
import org.openjdk.jmh.annotations.Param;

/**
 * {@code group_norm_silu.cu}: one pass where a group fits into shared memory, as in the engine,
 * else two.
 */
public class GroupNormSiluKernel extends KernelBenchmark {

  /**
   * Pictures, channels, side, groups: of the shipped model, of SD 1.5 and of SDXL with guidance.
   */
  @Param({
    "1x96x16x8",
    "1x160x4x8",
    "2x320x64x32",
    "2x640x32x32",
    "2x1280x16x32",
    "2x2560x8x32",
    "2x320x128x32",
    "2x640x64x32"
  })
  public String shape = "1x96x16x8";

  /** Static shared memory of the one-pass kernel, whatever its vectors. */
  private static final long STATIC_SHARED = 16384;

  private static final float EPSILON = 1e-5f;

  private long[] s;
  private long positions;
  private Tensor x;
  private Tensor gamma;
  private Tensor beta;
  private Tensor y;

  /** Created by JMH. */
  public GroupNormSiluKernel() {}

  @Override
  void build(Launches to) {
    s = parse(shape);
    positions = s[2] * s[2];
    long channels = s[1];
    long groups = s[3];
    x = numbers(elements(), s[0] * positions * channels, 2);
    gamma = numbers(DType.FLOAT32, channels, 1);
    beta = numbers(DType.FLOAT32, channels, 1);
    y = result(elements(), x.elements());
    int vector = vector(channels);
    long bundle = bundle(vector);
    String suffix = "_silu" + suffix(vector);
    if (bundle > 0) {
      to.addShared(
          "group_norm_fused" + suffix,
          shared(bundle),
          Launches.grid(groups / bundle, s[0]),
          x,
          null,
          gamma,
          beta,
          null,
          null,
          y,
          i(positions),
          i(channels),
          i(groups),
          i(bundle),
          i(channels),
          i(channels),
          0,
          0,
          0,
          EPSILON);
      return;
    }
    // Some four blocks for each multiprocessor, of 16 pixels at least.
    long blocks = Math.max(1, 4 * device.multiprocessors() / s[0]);
    long chunk = Math.max(16, Math.ceilDiv(positions, blocks));
    long chunks = Math.ceilDiv(positions, chunk);
    Tensor partial = Tensor.allocate(DType.FLOAT32, s[0] * chunks * groups * 2);
    to.addShared(
        "group_norm_stats" + suffix(vector),
        8 * channels,
        Launches.grid(chunks, s[0]),
        x,
        null,
        partial,
        i(positions),
        i(channels),
        i(groups),
        i(channels),
        0,
        i(chunk));
    to.addShared(
        "group_norm_apply" + suffix,
        8 * channels + 8 * groups,
        Launches.grid(chunks, s[0]),
        x,
        null,
        gamma,
        beta,
        null,
        null,
        partial,
        y,
        i(positions),
        i(channels),
        i(groups),
        i(channels),
        i(channels),
        0,
        0,
        0,
        i(chunk),
        i(chunk),
        EPSILON);
  }

  private long shared(long bundle) {
    long channels = bundle * s[1] / s[3];
    return channels * (positions * elements().bytes() + 16) + 8 * bundle + 16;
  }

  /** The fewest groups whose channels are whole vectors; 0 where they do not fit into a block. */
  private long bundle(int vector) {
    for (long b = 1; b <= s[3]; b++) {
      if (s[3] % b == 0 && b * (s[1] / s[3]) % vector == 0) {
        return shared(b) + STATIC_SHARED <= device.sharedBytesPerBlockOptin() ? b : 0;
      }
    }
    return 0;
  }

  @Override
  protected void verify(SplittableRandom places) {
    long at = places.nextLong(y.elements());
    long c = at % s[1];
    long size = s[1] / s[3];
    long first = at / s[1] / positions * positions * s[1] + c / size * size;
    double sum = 0;
    double squares = 0;
    for (long p = 0; p < positions; p++) {
      for (long k = 0; k < size; k++) {
        double v = x.getDouble(first + p * s[1] + k);
        sum += v;
        squares += v * v;
      }
    }
    double mean = sum / positions / size;
    double variance = squares / positions / size - mean * mean;
    double v = (x.getDouble(at) - mean) / Math.sqrt(variance + EPSILON);
    v = v * gamma.getDouble(c) + beta.getDouble(c);
    near(shape + " at " + at, y.getDouble(at), v / (1 + Math.exp(-v)), 1 + Math.abs(v));
  }

  @Override
  protected long flops() {
    return 12 * y.elements();
  }

  @Override
  protected long bytes() {
    return x.byteSize() + y.byteSize();
  }
}
