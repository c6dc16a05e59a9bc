package io.github.morseengine.jmh.cuda;

import io.github.morseengine.engine.backend.cuda.cudnn.ConvSpec;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import java.util.SplittableRandom;
import org.openjdk.jmh.annotations.Param;

/** Convolutions with their epilogue, whoever computes them. */
public abstract class ConvolutionBenchmark extends GpuBenchmark {

  /**
   * Pictures, input channels, side, output channels, kernel, stride: of the shipped model, of SD
   * 1.5 and of SDXL with guidance.
   */
  @Param({
    "1x96x16x96x3x1",
    "1x128x8x128x3x1",
    "1x160x4x160x3x1",
    "2x4x64x320x3x1",
    "2x320x64x320x3x1",
    "2x640x64x320x1x1",
    "2x320x64x320x3x2",
    "2x640x32x640x3x1",
    "2x1280x16x1280x3x1",
    "2x2560x8x1280x3x1",
    "2x320x128x320x3x1",
    "2x1280x32x1280x3x1"
  })
  public String shape = "1x96x16x96x3x1";

  /** What follows the sum. */
  @Param({"bias", "bias+residual", "bias+silu"})
  public String epilogue = "bias";

  ConvSpec spec;
  Tensor x;
  Tensor w;
  Tensor bias;
  Tensor residual;
  Tensor y;

  /** For whoever computes them. */
  protected ConvolutionBenchmark() {}

  @Override
  protected final void bind() {
    long[] s = parse(shape);
    ConvSpec.Epilogue e =
        new ConvSpec.Epilogue(true, epilogue.contains("residual"), epilogue.contains("silu"));
    spec =
        ConvSpec.dense(
            elements(),
            new long[] {s[0], s[1], s[2], s[2]},
            s[3],
            s[4],
            ConvSpec.Window.square(s[5], s[4] / 2),
            e);
    long outputs = spec.n() * spec.outH() * spec.outW() * spec.k();
    x = numbers(elements(), s[0] * s[1] * s[2] * s[2], 1);
    w = numbers(elements(), s[3] * s[1] * s[4] * s[4], 2 / Math.sqrt(s[1] * s[4] * s[4]));
    bias = numbers(DType.FLOAT32, s[3], 1);
    residual = e.residual() ? numbers(elements(), outputs, 1) : null;
    y = result(elements(), outputs);
    bindCall();
  }

  /** Finds what computes it and binds the tensors. */
  abstract void bindCall();

  @Override
  protected final void verify(SplittableRandom places) {
    long n = places.nextLong(spec.n());
    long oh = places.nextLong(spec.outH());
    long ow = places.nextLong(spec.outW());
    long k = places.nextLong(spec.k());
    double sum = 0;
    double size = 1;
    for (long r = 0; r < spec.r(); r++) {
      for (long s = 0; s < spec.s(); s++) {
        long h = oh * spec.window().strideH() - spec.window().top() + r;
        long v = ow * spec.window().strideW() - spec.window().left() + s;
        if (h < 0 || h >= spec.h() || v < 0 || v >= spec.w()) {
          continue;
        }
        long at = ((n * spec.h() + h) * spec.w() + v) * spec.c();
        long weight = ((k * spec.r() + r) * spec.s() + s) * spec.c();
        for (long c = 0; c < spec.c(); c++) {
          double product = x.getDouble(at + c) * w.getDouble(weight + c);
          sum += product;
          size += Math.abs(product);
        }
      }
    }
    long at = ((n * spec.outH() + oh) * spec.outW() + ow) * spec.k() + k;
    sum += bias.getDouble(k) + (spec.epilogue().residual() ? residual.getDouble(at) : 0);
    if (spec.epilogue().silu()) {
      sum /= 1 + Math.exp(-sum);
    }
    near(spec + " at " + at, y.getDouble(at), sum, size);
  }

  @Override
  protected final long flops() {
    return spec.flops();
  }

  @Override
  protected final long bytes() {
    return spec.bytes();
  }
}
