package io.github.morseengine.engine.morse.evaluate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.error.InvalidInputException;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class EvaluateTest {

  private static float[][] normal(long seed, int rows, double[] mean, double[] deviation) {
    Random random = new Random(seed);
    float[][] out = new float[rows][mean.length];
    for (float[] row : out) {
      for (int j = 0; j < row.length; j++) {
        row[j] = (float) (mean[j] + deviation[j] * random.nextGaussian());
      }
    }
    return out;
  }

  @Test
  void eigenvaluesOfARotatedDiagonalAreItsEntries() {
    int n = 24;
    Random random = new Random(4);
    double[][] a = new double[n][n];
    for (int i = 0; i < n; i++) {
      a[i][i] = i - 5;
    }
    for (int r = 0; r < 200; r++) {
      int p = random.nextInt(n);
      int q = (p + 1 + random.nextInt(n - 1)) % n;
      double angle = random.nextDouble() * 6;
      rotate(a, p, q, Math.cos(angle), Math.sin(angle));
    }
    double[] found = Symmetric.eigenvalues(a);
    Arrays.sort(found);
    for (int i = 0; i < n; i++) {
      assertEquals(i - 5, found[i], 1e-10);
    }
    assertEquals(7, Symmetric.eigenvalues(new double[][] {{7}})[0]);
    assertEquals(
        List.of(0.0, 0.0, 3.0),
        Arrays.stream(Symmetric.eigenvalues(new double[][] {{0, 0, 0}, {0, 3, 0}, {0, 0, 0}}))
            .sorted()
            .boxed()
            .toList());
  }

  private static void rotate(double[][] a, int p, int q, double c, double s) {
    for (double[] row : a) {
      double x = row[p];
      row[p] = c * x - s * row[q];
      row[q] = s * x + c * row[q];
    }
    for (int j = 0; j < a.length; j++) {
      double x = a[p][j];
      a[p][j] = c * x - s * a[q][j];
      a[q][j] = s * x + c * a[q][j];
    }
  }

  /** For commuting covariances it is |mean1 - mean2|^2 + sum of (deviation1 - deviation2)^2. */
  @Test
  void theDistanceOfIndependentFeaturesIsKnown() {
    double[][] one = {{4, 0, 0}, {0, 9, 0}, {0, 0, 1}};
    double[][] two = {{1, 0, 0}, {0, 1, 0}, {0, 0, 0}};
    FrechetDistance d = new FrechetDistance(new Moments(10, new double[] {1, 2, 3}, one));
    double expected = 1 + 4 + 0 + 1 + 4 + 1;
    assertEquals(expected, d.to(new Moments(10, new double[] {2, 4, 3}, two)), 1e-12);
    assertEquals(0, d.to(new Moments(10, new double[] {1, 2, 3}, one)), 1e-12);
    assertEquals(4, d.fewest());
    assertThrows(
        InvalidInputException.class, () -> d.to(new Moments(3, new double[] {1, 2, 3}, one)));
  }

  /** Correlated 2x2 case by the closed form tr(sqrt(AB)) = sqrt(tr(AB) + 2 sqrt(det(AB))). */
  @Test
  void theDistanceOfCorrelatedFeaturesIsKnown() {
    double[][] a = {{2, 0.5}, {0.5, 1}};
    double[][] b = {{1, -0.3}, {-0.3, 3}};
    double trace = 2 * 1 + 2 * 0.5 * -0.3 + 1 * 3;
    double det = (2 - 0.25) * (3 - 0.09);
    double expected = 2 + 1 + 1 + 3 - 2 * Math.sqrt(trace + 2 * Math.sqrt(det));
    FrechetDistance d = new FrechetDistance(new Moments(9, new double[2], a));
    assertEquals(expected, d.to(new Moments(9, new double[2], b)), 1e-12);
  }

  @Test
  void momentsOfPickedRows() {
    float[][] rows = {{1, 2}, {3, 6}, {100, -7}};
    Moments m = Moments.of(rows, new int[] {0, 1});
    assertEquals(2, m.mean()[0]);
    assertEquals(4, m.mean()[1]);
    assertEquals(2, m.covariance()[0][0]);
    assertEquals(4, m.covariance()[0][1]);
    assertEquals(8, m.covariance()[1][1]);
    assertEquals(3, Moments.of(rows).count());
    float[][] many = normal(1, 4000, new double[] {1, -2}, new double[] {2, 0.5});
    assertEquals(1, Moments.of(many).mean()[0], 0.15);
    assertEquals(4, Moments.of(many).covariance()[0][0], 0.4);
  }

  private static QualityCurve curve(double... pairs) {
    List<QualityCurve.Point> points = new java.util.ArrayList<>();
    for (int i = 0; i < pairs.length; i += 2) {
      points.add(new QualityCurve.Point(pairs[i], pairs[i + 1]));
    }
    return new QualityCurve(points);
  }

  @Test
  void aCurveThatNeedsHalfTheCostIsTwiceAsFast() {
    QualityCurve dash = curve(5, 100, 10, 50, 20, 25, 40, 12.5);
    QualityCurve morse = curve(2.5, 100, 5, 50, 10, 25, 20, 12.5);
    for (double budget : new double[] {5, 7, 10, 33, 40}) {
      assertEquals(2, dash.speedup(morse, budget), 1e-9);
      assertEquals(0.5, morse.speedup(dash, budget / 2), 1e-9);
    }
    assertEquals(1, dash.speedup(dash, 12), 1e-9);
    assertTrue(morse.reaches(12.5));
    assertFalse(morse.reaches(12));
    assertEquals(40, dash.cost(12.5), 1e-9);
    assertTrue(dash.cost(10) > 40);
  }

  @Test
  void noiseIsMadeMonotoneAndAPlateauGainsNothing() {
    QualityCurve noisy = curve(1, 10, 2, 4, 3, 9, 4, 1);
    assertEquals(6, noisy.quality(2), 1e-9, "geometric mean of 4 and 9");
    assertEquals(6, noisy.quality(3), 1e-9);
    QualityCurve flat = curve(5, 10, 10, 5, 20, 5, 40, 5);
    QualityCurve same = curve(5, 10, 10, 5);
    assertEquals(1, flat.speedup(same, 40), 1e-9);
    assertEquals(10, curve(5, 10).quality(1), 1e-9);
  }

  @Test
  void aCheapRunDoesNotCountWhereADearerOneIsWorse() {
    QualityCurve dash = curve(5, 100, 10, 50);
    QualityCurve lucky = curve(1, 40, 2, 90, 3, 60, 4, 30);
    assertEquals(5, dash.speedup(lucky, 5), 1e-9, "all its runs are good enough");
    double at = Math.log(60 / 50.0) / Math.log(60 / 30.0);
    double cost = 3 * Math.pow(4 / 3.0, at);
    assertEquals(10 / cost, dash.speedup(lucky, 10), 1e-9);
  }
}
