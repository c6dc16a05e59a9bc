package io.github.morseengine.engine.morse.evaluate;

/**
 * Mean and covariance of features.
 *
 * @param count rows
 * @param mean per feature
 * @param covariance unbiased
 */
public record Moments(int count, double[] mean, double[][] covariance) {

  /**
   * Computes them.
   *
   * @param rows features, one row per picture
   * @param pick indices of the rows to take, with repetitions (a bootstrap's)
   * @return the moments
   */
  public static Moments of(float[][] rows, int[] pick) {
    int n = rows[0].length;
    double[] mean = new double[n];
    for (int i : pick) {
      for (int j = 0; j < n; j++) {
        mean[j] += rows[i][j];
      }
    }
    for (int j = 0; j < n; j++) {
      mean[j] /= pick.length;
    }
    double[][] c = new double[n][n];
    double[] centred = new double[n];
    for (int i : pick) {
      for (int j = 0; j < n; j++) {
        centred[j] = rows[i][j] - mean[j];
      }
      for (int j = 0; j < n; j++) {
        double v = centred[j];
        double[] to = c[j];
        for (int k = 0; k <= j; k++) {
          to[k] += v * centred[k];
        }
      }
    }
    double free = Math.max(1, pick.length - 1);
    for (int j = 0; j < n; j++) {
      for (int k = 0; k <= j; k++) {
        c[j][k] /= free;
        c[k][j] = c[j][k];
      }
    }
    return new Moments(pick.length, mean, c);
  }

  /**
   * All rows.
   *
   * @param rows features, one row per picture
   * @return the moments
   */
  public static Moments of(float[][] rows) {
    return of(rows, java.util.stream.IntStream.range(0, rows.length).toArray());
  }
}
