package io.github.morseengine.jmh.cuda;

import io.github.morseengine.engine.backend.cuda.cudnn.AttentionSpec;
import io.github.morseengine.engine.tensor.Tensor;
import java.util.SplittableRandom;
import org.openjdk.jmh.annotations.Param;

/** Attention without mask, whoever computes it. */
public abstract class AttentionBenchmark extends GpuBenchmark {

  /**
   * Batch, heads, queries, keys, channels of a head: of the shipped model, of SD 1.5 and of SDXL
   * with guidance, self and cross.
   */
  @Param({
    "1x4x64x64x32",
    "2x8x4096x4096x40",
    "2x8x4096x77x40",
    "2x8x1024x1024x80",
    "2x8x256x256x160",
    "2x10x4096x4096x64",
    "2x20x1024x1024x64",
    "2x20x1024x77x64"
  })
  public String shape = "1x4x64x64x32";

  AttentionSpec spec;
  Tensor q;
  Tensor k;
  Tensor v;
  Tensor o;

  /** For whoever computes it. */
  protected AttentionBenchmark() {}

  @Override
  protected final void bind() {
    long[] s = parse(shape);
    long width = s[1] * s[4];
    AttentionSpec.Pitch pitch = new AttentionSpec.Pitch(width, width, width, width);
    float scale = (float) (1 / Math.sqrt(s[4]));
    spec = new AttentionSpec(elements(), s[0], s[1], s[2], s[3], s[4], s[4], scale, pitch);
    q = numbers(elements(), s[0] * s[2] * width, 2);
    k = numbers(elements(), s[0] * s[3] * width, 2);
    v = numbers(elements(), s[0] * s[3] * width, 1);
    o = result(elements(), s[0] * s[2] * width);
    bindCall();
  }

  /** Finds what computes it and binds the tensors. */
  abstract void bindCall();

  @Override
  protected final void verify(SplittableRandom places) {
    long width = spec.heads() * spec.head();
    long n = places.nextLong(spec.n());
    long h = places.nextLong(spec.heads());
    long l = places.nextLong(spec.queries());
    long e = places.nextLong(spec.head());
    double sum = 0;
    double total = 0;
    long row = (n * spec.queries() + l) * width + h * spec.head();
    for (long s = 0; s < spec.keys(); s++) {
      long key = (n * spec.keys() + s) * width + h * spec.head();
      double dot = 0;
      for (long i = 0; i < spec.head(); i++) {
        dot += q.getDouble(row + i) * k.getDouble(key + i);
      }
      double weight = Math.exp(dot * spec.scale());
      total += weight;
      sum += weight * v.getDouble(key + e);
    }
    // The weights are rounded to the type before they meet the values: of sizes up to 1.
    near(spec + " at " + (row + e), o.getDouble(row + e), sum / total, unit() * 0x1p14);
  }

  @Override
  protected final long flops() {
    return spec.flops();
  }

  @Override
  protected final long bytes() {
    return q.byteSize() + k.byteSize() + v.byteSize() + o.byteSize();
  }
}
