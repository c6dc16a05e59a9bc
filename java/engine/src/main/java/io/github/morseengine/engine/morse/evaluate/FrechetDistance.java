package io.github.morseengine.engine.morse.evaluate;

import io.github.morseengine.engine.error.InvalidInputException;

/**
 * The squared Fréchet distance of two normal distributions (Dowson and Landau 1982), as it is used
 * on features of pictures (Heusel et al. 2017, arXiv 1706.08500, section 4):
 *
 * <pre>
 *   |mean1 - mean2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))
 * </pre>
 *
 * <p>With C2 = L L^T the trace of the root is the sum of the roots of the eigenvalues of L^T C1 L,
 * which is symmetric. Biased upwards for few pictures, so only equal numbers of them compare.
 * Immutable.
 */
public final class FrechetDistance {

  private final Moments data;
  private final double[][] factor;

  /**
   * Prepares distances to one distribution.
   *
   * @param data its moments
   */
  public FrechetDistance(Moments data) {
    this.data = data;
    this.factor = Symmetric.cholesky(data.covariance());
  }

  /**
   * The least number of pictures whose covariance has full rank.
   *
   * @return features + 1
   */
  public int fewest() {
    return data.mean().length + 1;
  }

  /**
   * The distance of pictures to the distribution.
   *
   * @param pictures their moments
   * @return the squared distance, at least 0 but for rounding
   * @throws InvalidInputException if there are too few pictures for a covariance of full rank
   */
  public double to(Moments pictures) {
    if (pictures.count() < fewest()) {
      throw new InvalidInputException(
          "a Fréchet distance on "
              + data.mean().length
              + " features needs at least "
              + fewest()
              + " pictures, got "
              + pictures.count()
              + ": give more samples");
    }
    double out = 0;
    for (int i = 0; i < data.mean().length; i++) {
      double d = data.mean()[i] - pictures.mean()[i];
      out += d * d + data.covariance()[i][i] + pictures.covariance()[i][i];
    }
    double[][] product = Symmetric.congruence(factor, pictures.covariance());
    for (double v : Symmetric.eigenvalues(product)) {
      out -= 2 * Math.sqrt(Math.max(0, v));
    }
    return out;
  }
}
