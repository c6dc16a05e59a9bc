package io.github.morseengine.engine.morse.evaluate;

/** The little of dense linear algebra that distances need. Stateless. */
final class Symmetric {

  private static final int MOST_SWEEPS = 60;

  private Symmetric() {}

  /**
   * The lower factor of a = L L^T (Golub and Van Loan, algorithm 4.2.1). Columns without variance
   * stay zero, so that a semidefinite matrix has a factor, too.
   */
  static double[][] cholesky(double[][] a) {
    int n = a.length;
    double[][] l = new double[n][n];
    for (int j = 0; j < n; j++) {
      double d = a[j][j];
      for (int k = 0; k < j; k++) {
        d -= l[j][k] * l[j][k];
      }
      if (d <= 1e-12 * a[j][j]) {
        continue;
      }
      l[j][j] = Math.sqrt(d);
      for (int i = j + 1; i < n; i++) {
        double s = a[i][j];
        for (int k = 0; k < j; k++) {
          s -= l[i][k] * l[j][k];
        }
        l[i][j] = s / l[j][j];
      }
    }
    return l;
  }

  /** L^T A L. */
  static double[][] congruence(double[][] l, double[][] a) {
    int n = l.length;
    double[][] al = new double[n][n];
    for (int i = 0; i < n; i++) {
      for (int k = 0; k < n; k++) {
        double v = a[i][k];
        for (int j = 0; j <= k; j++) {
          al[i][j] += v * l[k][j];
        }
      }
    }
    double[][] out = new double[n][n];
    for (int k = 0; k < n; k++) {
      for (int i = 0; i <= k; i++) {
        double v = l[k][i];
        for (int j = 0; j < n; j++) {
          out[i][j] += v * al[k][j];
        }
      }
    }
    return out;
  }

  /**
   * Eigenvalues of a symmetric matrix: Householder's tridiagonal form (Golub and Van Loan, section
   * 8.3.1), then implicit QL steps with Wilkinson's shift (section 8.3.4).
   *
   * @param given the matrix; only its lower half is read
   * @return the eigenvalues in no order
   */
  static double[] eigenvalues(double[][] given) {
    int n = given.length;
    double[][] a = new double[n][];
    for (int i = 0; i < n; i++) {
      a[i] = given[i].clone();
    }
    double[] d = new double[n];
    double[] e = new double[n];
    tridiagonal(a, d, e);
    for (int low = 0; low < n; low++) {
      for (int sweep = 0; ; sweep++) {
        int high = low;
        while (high + 1 < n && !negligible(d, e, high)) {
          high++;
        }
        if (high == low) {
          break;
        }
        if (sweep == MOST_SWEEPS) {
          throw new ArithmeticException("no convergence: the matrix holds NaN or infinity");
        }
        step(d, e, low, high);
      }
    }
    return d;
  }

  private static boolean negligible(double[] d, double[] e, int i) {
    return Math.abs(e[i]) <= Math.ulp(1.0) * (Math.abs(d[i]) + Math.abs(d[i + 1]));
  }

  /** Leaves the diagonal in d and the entry below its i-th in e[i]. */
  private static void tridiagonal(double[][] a, double[] d, double[] e) {
    int n = a.length;
    for (int k = 0; k + 1 < n; k++) {
      double norm = 0;
      for (int i = k + 1; i < n; i++) {
        norm += a[i][k] * a[i][k];
      }
      norm = Math.sqrt(norm);
      e[k] = a[k + 1][k];
      if (norm > Math.abs(a[k + 1][k])) {
        double alpha = a[k + 1][k] > 0 ? -norm : norm;
        reflect(a, k, alpha, norm);
        e[k] = alpha;
      }
    }
    for (int i = 0; i < n; i++) {
      d[i] = a[i][i];
    }
  }

  /** A = H A H on the rows and columns after k, with H = 1 - 2 v v^T / |v|^2. */
  private static void reflect(double[][] a, int k, double alpha, double norm) {
    int n = a.length;
    double[] v = new double[n];
    for (int i = k + 1; i < n; i++) {
      v[i] = a[i][k];
    }
    v[k + 1] -= alpha;
    double half = norm * norm - alpha * a[k + 1][k];
    double[] p = new double[n];
    double dot = 0;
    for (int i = k + 1; i < n; i++) {
      double s = 0;
      for (int j = k + 1; j < n; j++) {
        s += (j <= i ? a[i][j] : a[j][i]) * v[j];
      }
      p[i] = s / half;
      dot += p[i] * v[i];
    }
    double factor = dot / (2 * half);
    for (int i = k + 1; i < n; i++) {
      p[i] -= factor * v[i];
    }
    for (int i = k + 1; i < n; i++) {
      for (int j = k + 1; j <= i; j++) {
        a[i][j] -= v[i] * p[j] + p[i] * v[j];
      }
    }
  }

  private static void step(double[] d, double[] e, int low, int high) {
    double g = (d[low + 1] - d[low]) / (2 * e[low]);
    double r = Math.hypot(g, 1);
    g = d[high] - d[low] + e[low] / (g + Math.copySign(r, g));
    double s = 1;
    double c = 1;
    double p = 0;
    for (int i = high - 1; i >= low; i--) {
      double f = s * e[i];
      double b = c * e[i];
      r = Math.hypot(f, g);
      e[i + 1] = r;
      if (r == 0) {
        d[i + 1] -= p;
        e[high] = 0;
        return;
      }
      s = f / r;
      c = g / r;
      g = d[i + 1] - p;
      r = (d[i] - g) * s + 2 * c * b;
      p = s * r;
      d[i + 1] = g + p;
      g = c * r - b;
    }
    d[low] -= p;
    e[low] = g;
    e[high] = 0;
  }
}
