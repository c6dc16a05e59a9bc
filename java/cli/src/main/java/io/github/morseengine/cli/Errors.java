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
    int h = (int) a.dim(2);
    int w = (int) a.dim(3);
    long planes = a.dim(0) * a.dim(1);
    long pairs = a.dim(1) * (h * (w - 1L) + w * (h - 1L));
    double sum = 0;
    double picture = 0;
    for (long plane = 0; plane < planes; plane++) {
      for (int y = 0; y < h; y++) {
        for (int x = 0; x < w; x++) {
          long i = (plane * h + y) * w + x;
          double here = a.getDouble(i);
          double right = x + 1 < w ? a.getDouble(i + 1) - here : 0;
          double below = y + 1 < h ? a.getDouble(i + w) - here : 0;
          picture += right * right + below * below;
        }
      }
      if ((plane + 1) % a.dim(1) == 0) {
        sum += Math.sqrt(picture / pairs);
        picture = 0;
      }
    }
    return sum / a.dim(0);
  }

  /** Peak signal-to-noise ratio of pictures in [-1, 1], in decibels. */
  static double psnr(double rmse) {
    return 20 * Math.log10(2 / rmse);
  }
}
