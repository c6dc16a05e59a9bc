package io.github.morseengine.jmh.cuda;

import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import java.util.SplittableRandom;
import org.openjdk.jmh.annotations.Param;

/** Linear layers with their epilogue, whoever computes them. */
public abstract class MatmulBenchmark extends GpuBenchmark {

  /**
   * Rows, output width, input width: of the shipped model, of SD 1.5 and of SDXL with guidance
   * (projections, both layers of the feed-forward, time embedding).
   */
  @Param({
    "64x384x128",
    "1x192x256",
    "8192x320x320",
    "8192x2560x320",
    "2048x640x2560",
    "512x1280x1280",
    "2x1280x1280",
    "8192x640x640",
    "2048x1280x1280",
    "2048x10240x1280",
    "154x1280x2048"
  })
  public String shape = "64x384x128";

  long m;
  long n;
  long k;
  Tensor a;
  Tensor b;
  Tensor bias;
  Tensor d;
  private Tensor before;
  private long wide;

  /** For whoever computes them. */
  protected MatmulBenchmark() {}

  /** {@return bias, gelu (by tanh), accumulate (to what is there) or geglu (by tanh)} */
  abstract String epilogue();

  /** {@return the type of the bias} */
  abstract DType biasType();

  /** Finds what computes it and binds the tensors. */
  abstract void bindCall();

  final boolean accumulates() {
    return epilogue().equals("accumulate");
  }

  @Override
  protected final void bind() {
    long[] s = parse(shape);
    m = s[0];
    n = s[1];
    k = s[2];
    wide = epilogue().equals("geglu") ? 2 * n : n;
    a = numbers(elements(), m * k, 1);
    b = numbers(elements(), k * wide, 2 / Math.sqrt(k));
    bias = accumulates() ? null : numbers(biasType(), wide, 1);
    before = accumulates() ? numbers(elements(), m * n, 1) : null;
    if (accumulates()) {
      d = Tensor.allocate(elements(), m * n);
      d.copyFrom(before);
      result(d);
    } else {
      d = result(elements(), m * n);
    }
    bindCall();
  }

  @Override
  protected final void verify(SplittableRandom places) {
    long row = places.nextLong(m);
    long col = places.nextLong(n);
    double sum = 0;
    double gate = 0;
    double size = 1;
    for (long i = 0; i < k; i++) {
      double left = a.getDouble(row * k + i);
      double product = left * b.getDouble(i * wide + col);
      sum += product;
      gate += wide > n ? left * b.getDouble(i * wide + n + col) : 0;
      size += Math.abs(product);
    }
    long at = row * n + col;
    sum += accumulates() ? before.getDouble(at) : bias.getDouble(col);
    // cuBLASLt's tanh is the GPU's own, good to 11 bits.
    if (epilogue().equals("gelu")) {
      sum = gelu(sum);
      size += 8;
    } else if (wide > n) {
      gate += bias.getDouble(n + col);
      double factor = gelu(gate);
      size = size * (1 + Math.abs(gate)) + 8 * Math.abs(sum) + Math.abs(sum * factor);
      sum *= factor;
    }
    near(shape + " " + epilogue() + " at " + at, d.getDouble(at), sum, size);
  }

  private static double gelu(double v) {
    double inner = Math.sqrt(2 / Math.PI) * (v + 0.044715 * v * v * v);
    return v * 0.5 * (1 + Math.tanh(inner));
  }

  @Override
  protected final long flops() {
    return 2 * m * wide * k;
  }

  @Override
  protected final long bytes() {
    long results = accumulates() ? 2 : 1;
    long biasBytes = bias == null ? 0 : bias.byteSize();
    return a.byteSize() + b.byteSize() + results * d.byteSize() + biasBytes;
  }
}
