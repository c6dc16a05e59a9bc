package io.github.morseengine.jmh.cuda;

import io.github.morseengine.engine.backend.SampleUpdate.Factors;
import io.github.morseengine.engine.device.cuda.CudaStream;
import io.github.morseengine.engine.morse.Noise;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import java.util.SplittableRandom;
import org.openjdk.jmh.annotations.Param;

/**
 * {@code residual_feedback_step.cu}: Dot's residual, guidance, the sampler's step with noise and
 * the next model input in one pass.
 */
public class ResidualFeedbackStepKernel extends KernelBenchmark {

  /** Pictures, channels, side of the sample: of the shipped model, of SD 1.5 and of SDXL. */
  @Param({"1x3x32", "16x3x32", "1x4x64", "4x4x64", "1x4x128"})
  public String shape = "1x3x32";

  /** With two halves and their guidance, or without. */
  @Param({"guided", "plain"})
  public String guidance = "guided";

  private static final int RECORD_WORDS = 32;

  /** Steps in the table: more than runs of one measurement. */
  private static final int STEPS = 64;

  private static final int COUNTER_BYTES = 8;
  private static final float SCALE = 3;
  private static final long SEED = 7;

  /** One of a sampler with noise whose samples stay small however often it is repeated. */
  private static final Factors STEP = Factors.of(1.1, -0.4, 1, 0.6, 0.3, 0.1, 0.2);

  private long channels;
  private long pixels;
  private long pictures;
  private int halves;
  private Tensor before;
  private Tensor x;
  private Tensor z;
  private Tensor residual;
  private Tensor input;
  private Tensor noise;
  private Tensor counter;

  /** Created by JMH. */
  public ResidualFeedbackStepKernel() {}

  @Override
  void build(Launches to) {
    long[] s = parse(shape);
    pictures = s[0];
    channels = s[1];
    pixels = s[2] * s[2];
    halves = guidance.equals("guided") ? 2 : 1;
    long count = pictures * channels * pixels;
    before = numbers(DType.FLOAT32, count, 2);
    x = Tensor.allocate(DType.FLOAT32, count);
    x.copyFrom(before);
    result(x);
    z = numbers(elements(), halves * count, 2);
    residual = numbers(elements(), halves * count, 0.3);
    input = result(elements(), halves * count);
    counter = Tensor.allocate(DType.INT32, 2);
    noise = Tensor.allocate(DType.FLOAT32, count);
    for (long p = 0; p < pictures; p++) {
      Noise.fill(noise.data(), p * channels * pixels, channels * pixels, SEED, i(p), 1);
    }
    long blocks = Math.ceilDiv(pictures * channels * Math.ceilDiv(pixels, 4), 256);
    to.add(
        "residual_feedback_step_nhwc",
        Launches.grid(Math.min(blocks, 65535)),
        x,
        z,
        residual,
        null,
        null,
        null,
        input,
        null,
        null,
        null,
        table(),
        counter,
        null,
        i(pictures),
        i(channels),
        i(pixels),
        halves,
        i(channels),
        0,
        0,
        0,
        0,
        0,
        0,
        SEED);
  }

  /** The same step again and again, each with the noise of the first. */
  private static Tensor table() {
    Tensor table = Tensor.allocate(DType.INT32, (long) STEPS * RECORD_WORDS);
    double[] words = {
      STEP.p(), STEP.q(), STEP.limit(), STEP.a(), STEP.b(), STEP.c(), STEP.d(), 0, 0, 0, 0, SCALE
    };
    for (int step = 0; step < STEPS; step++) {
      long first = (long) step * RECORD_WORDS;
      for (int w = 0; w < words.length; w++) {
        table.setLong(first + w, Float.floatToRawIntBits((float) words[w]));
      }
      table.setLong(first + 12, -1);
      table.setLong(first + 16, 1);
    }
    return table;
  }

  @Override
  protected void reset(CudaStream on) {
    on.fill(place(counter), (byte) 0, COUNTER_BYTES);
  }

  @Override
  protected void verify(SplittableRandom places) {
    long at = places.nextLong(x.elements());
    long each = channels * pixels;
    long picture = at / each;
    double estimate = z.getDouble(at) + residual.getDouble(at);
    if (halves == 2) {
      long other = at + x.elements();
      estimate += SCALE * (z.getDouble(other) + residual.getDouble(other) - estimate);
    }
    // Noise lies as [channels][pixels].
    long place = at % channels * pixels + at / channels % pixels;
    double start = STEP.p() * before.getDouble(at) + STEP.q() * estimate;
    double expected =
        STEP.a() * Math.clamp(start, -STEP.limit(), STEP.limit())
            + STEP.b() * before.getDouble(at)
            + STEP.c() * estimate
            + STEP.d() * noise.getDouble(picture * each + place);
    double error = Math.abs(x.getDouble(at) - expected);
    if (!(error <= 1e-5)) {
      throw new IllegalStateException(
          "sample " + at + ": " + x.getDouble(at) + " instead of " + expected);
    }
    for (int half = 0; half < halves; half++) {
      near("input of " + at, input.getDouble(half * x.elements() + at), expected, 1);
    }
  }

  @Override
  protected long flops() {
    // The step; Philox and Box-Muller are integers and functions, and not counted.
    return (12 + 3L * halves) * x.elements();
  }

  @Override
  protected long bytes() {
    return 2 * x.byteSize() + z.byteSize() + residual.byteSize() + input.byteSize();
  }
}
