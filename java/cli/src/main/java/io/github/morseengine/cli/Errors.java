package io.github.morseengine.cli;

import io.github.morseengine.engine.tensor.Tensor;

/** Distances between samples. */
final class Errors {

  private Errors() {}

  /** Mean squared difference of one picture. */
  static double squared(Tensor a, Tensor b, int picture) {
    long size = a.elements() / a.dim(0);
    double sum = 0;
    for (long i = picture * size; i < (picture + 1) * size; i++) {
      double d = a.getDouble(i) - b.getDouble(i);
      sum += d * d;
    }
    return sum / size;
  }

  /** Mean over all pictures of the root mean squared difference of each. */
  static double meanRmse(Tensor a, Tensor b) {
    double sum = 0;
    int n = (int) a.dim(0);
    for (int i = 0; i < n; i++) {
      sum += Math.sqrt(squared(a, b, i));
    }
    return sum / n;
  }

  /**
   * How sharp pictures are: the mean over all of them of the root mean squared difference of
   * neighbouring pixels, across and down.
   *
   * @param a [N, C, H, W] with a side above 1
   */
  static double detail(Tensor a) {
    double sum = 0;
    int n = (int) a.dim(0);
    for (int i = 0; i < n; i++) {
      sum += Math.sqrt(squaredSteps(a, i));
    }
    return sum / n;
  }

  /** Mean squared difference of neighbouring pixels of one picture. */
  private static double squaredSteps(Tensor a, int picture) {
    long h = a.dim(2);
    long w = a.dim(3);
    long size = a.elements() / a.dim(0);
    double sum = 0;
    for (long i = picture * size; i < (picture + 1) * size; i++) {
      double right = i % w + 1 < w ? a.getDouble(i + 1) - a.getDouble(i) : 0;
      double below = i / w % h + 1 < h ? a.getDouble(i + w) - a.getDouble(i) : 0;
      sum += right * right + below * below;
    }
    return sum / (a.dim(1) * (h * (w - 1) + w * (h - 1)));
  }

  /** Peak signal-to-noise ratio of pictures in [-1, 1], in decibels. */
  static double psnr(double rmse) {
    return 20 * Math.log10(2 / rmse);
  }
}
