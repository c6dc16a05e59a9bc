package io.github.morseengine.engine.backend.reference;

/** Scalar functions that java.lang.Math lacks, in double precision. */
final class Functions {

  private Functions() {}

  static double sigmoid(double v) {
    return 1 / (1 + Math.exp(-v));
  }

  static double softplus(double v) {
    return v > 30 ? v : Math.log1p(Math.exp(v));
  }

  /** The cubic convolution kernel (Keys 1981), of distances from 0 on. */
  static double keys(double x, double a) {
    return x <= 1
        ? ((a + 2) * x - (a + 3)) * x * x + 1
        : x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
  }

  /** The inverse of sinh, of numbers from 0 on; also exact near it. */
  static double asinh(double v) {
    return Math.log1p(v + v * v / (1 + Math.sqrt(v * v + 1)));
  }

  static double gelu(double v) {
    return 0.5 * v * (1 + erf(v / Math.sqrt(2)));
  }

  static double geluTanh(double v) {
    return 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v * v * v)));
  }

  /** The error function: its Taylor series near 0, else Lentz's continued fraction of erfc. */
  static double erf(double v) {
    double a = Math.abs(v);
    if (a > 6) {
      return Math.signum(v);
    }
    if (a < 2.5) {
      double term = v;
      double sum = v;
      for (int n = 1; n < 100 && Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
        term *= -v * v / n;
        sum += term / (2 * n + 1);
      }
      return 2 / Math.sqrt(Math.PI) * sum;
    }
    double f = a;
    for (int k = 120; k >= 1; k--) {
      f = a + k / 2.0 / f;
    }
    return Math.signum(v) * (1 - Math.exp(-a * a) / Math.sqrt(Math.PI) / f);
  }
}
