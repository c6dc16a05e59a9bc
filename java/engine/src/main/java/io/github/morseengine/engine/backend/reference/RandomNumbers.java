package io.github.morseengine.engine.backend.reference;

import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import java.util.SplittableRandom;

/**
 * RandomNormal and RandomNormalLike, as encoders of pictures end that draw from what they encode,
 * and RandomUniform and RandomUniformLike. A node draws the same numbers in every run, others than
 * its neighbours do: what the seed of a request decides stays decided.
 */
final class RandomNumbers {

  private RandomNumbers() {}

  static Tensor run(Node node, Tensor[] in) {
    Attributes a = node.attributes();
    boolean like = node.opType().endsWith("Like");
    DType fallback = like ? in[0].dtype() : DType.FLOAT32;
    DType dtype = a.has("dtype") ? DType.ofOnnx((int) a.getInt("dtype", 1)) : fallback;
    Tensor out = Tensor.allocate(dtype, like ? in[0].shape() : a.getInts("shape"));
    long seed = a.has("seed") ? Float.floatToIntBits(a.getFloat("seed", 0)) : 0;
    SplittableRandom random = new SplittableRandom(seed << 32 ^ node.name().hashCode());
    boolean normal = node.opType().startsWith("RandomNormal");
    double from = normal ? a.getFloat("mean", 0) : a.getFloat("low", 0);
    double scale = normal ? a.getFloat("scale", 1) : a.getFloat("high", 1) - from;
    for (long i = 0; i < out.elements(); i++) {
      out.setDouble(i, from + scale * (normal ? random.nextGaussian() : random.nextDouble()));
    }
    return out;
  }
}
