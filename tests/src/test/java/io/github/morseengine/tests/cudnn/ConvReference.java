package io.github.morseengine.tests.cudnn;

import io.github.morseengine.engine.backend.cuda.cudnn.ConvSpec;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;

/** A convolution with epilogue in double precision, with a bound of what rounding may change. */
final class ConvReference {

  private final ConvSpec c;
  private final Tensor x;
  private final Tensor w;
  private final Tensor bias;
  private final Tensor residual;

  ConvReference(ConvSpec c, Tensor x, Tensor w, Tensor bias, Tensor residual) {
    this.c = c;
    this.x = x;
    this.w = w;
    this.bias = bias;
    this.residual = residual;
  }

  /** Result and tolerance of one element. */
  record Element(double value, double tolerance) {}

  Element at(long n, long k, long oh, long ow) {
    ConvSpec.Window v = c.window();
    long depth = c.c() / c.groups();
    long first = k / (c.k() / c.groups()) * depth;
    double sum = 0;
    double size = 0;
    for (long r = 0; r < c.r(); r++) {
      for (long s = 0; s < c.s(); s++) {
        long h = oh * v.strideH() - v.top() + r * v.dilationH();
        long col = ow * v.strideW() - v.left() + s * v.dilationW();
        if (h < 0 || h >= c.h() || col < 0 || col >= c.w()) {
          continue;
        }
        long at = ((n * c.h() + h) * c.w() + col) * c.pitch().x() + first;
        long weight = ((k * c.r() + r) * c.s() + s) * depth;
        for (long i = 0; i < depth; i++) {
          double product = x.getDouble(at + i) * w.getDouble(weight + i);
          sum += product;
          size += Math.abs(product);
        }
      }
    }
    long terms = depth * c.r() * c.s();
    // TF32 rounds both factors to 11 bits, float sums round at every term.
    boolean tf32 = c.type() == DType.FLOAT32 && c.tf32();
    double error = size * (terms * 0x1p-24 + (tf32 ? 0x1p-10 : 0));
    if (bias != null) {
      sum += bias.getDouble(k);
    }
    if (residual != null) {
      long position = (n * c.outH() + oh) * c.outW() + ow;
      sum += residual.getDouble(position * c.pitch().residual() + k);
    }
    error += Math.abs(sum) * 0x1p-22;
    if (c.epilogue().silu()) {
      // Its slope is below 1.1 everywhere; exp adds a few units in the last place.
      sum = sum / (1 + Math.exp(-sum));
      error = 1.1 * error + Math.abs(sum) * 0x1p-20;
    }
    double half = c.type() == DType.FLOAT16 ? 0x1p-11 : c.type() == DType.BFLOAT16 ? 0x1p-8 : 0;
    // Plus the smallest step of float16.
    return new Element(sum, error + Math.abs(sum) * half + (half > 0 ? 0x1p-24 : 0));
  }
}
