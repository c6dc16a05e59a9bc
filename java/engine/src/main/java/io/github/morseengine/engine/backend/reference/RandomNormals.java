package io.github.morseengine.engine.backend.reference;

import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import java.util.SplittableRandom;

/**
 * RandomNormal and RandomNormalLike, as encoders of pictures end that draw from what they encode. A
 * node draws the same numbers in every run, others than its neighbours do: what the seed of a
 * request decides stays decided.
 */
final class RandomNormals {

  private RandomNormals() {}

  static Tensor run(Node node, Tensor[] in) {
    Attributes a = node.attributes();
    boolean like = node.opType().endsWith("Like");
    DType fallback = like ? in[0].dtype() : DType.FLOAT32;
    DType dtype = a.has("dtype") ? DType.ofOnnx((int) a.getInt("dtype", 1)) : fallback;
    Tensor out = Tensor.allocate(dtype, like ? in[0].shape() : a.getInts("shape"));
    long seed = a.has("seed") ? Float.floatToIntBits(a.getFloat("seed", 0)) : 0;
    SplittableRandom random = new SplittableRandom(seed << 32 ^ node.name().hashCode());
    double mean = a.getFloat("mean", 0);
    double scale = a.getFloat("scale", 1);
    for (long i = 0; i < out.elements(); i++) {
      out.setDouble(i, mean + scale * random.nextGaussian());
    }
    return out;
  }
}
