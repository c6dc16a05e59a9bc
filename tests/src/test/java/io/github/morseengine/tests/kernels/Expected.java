package io.github.morseengine.tests.kernels;

/**
 * What a kernel should give, computed in double, and how far it may be off. An element that is a
 * sum of terms t_i, rounded to a type of unit u, may differ by {@code u |sum t_i| + f sum |t_i|}:
 * the first part is the rounding of the result, the second bounds that of the arithmetic, where f
 * is the unit of the accumulator times how many roundings a term passes through.
 */
final class Expected {

  final double[] value;
  final double[] terms;

  Expected(int count) {
    value = new double[count];
    terms = new double[count];
  }

  /** Adds a term to an element. */
  void add(long i, double term) {
    value[(int) i] += term;
    terms[(int) i] += Math.abs(term);
  }

  /** Sets an element whose magnitude is its own. */
  void set(long i, double v) {
    value[(int) i] = v;
    terms[(int) i] = Math.abs(v);
  }

  /**
   * Replaces an element by a function of it.
   *
   * @param slope bound of the function's derivative
   */
  void map(long i, double v, double slope) {
    value[(int) i] = v;
    terms[(int) i] = terms[(int) i] * slope + Math.abs(v);
  }

  /**
   * Compares.
   *
   * @param actual what the kernel gave
   * @param type of its elements
   * @param f see above
   * @return null, or what is wrong
   */
  String compare(double[] actual, int type, double f) {
    double worst = 0;
    int at = -1;
    // Half the distance of float16's numbers next to zero; those of the others are far below.
    double subnormal = type == KernelBench.HALF ? 0x1p-25 : 1e-30;
    for (int i = 0; i < value.length; i++) {
      if (value[i] == actual[i]) {
        continue;
      }
      double bound = KernelBench.unit(type) * Math.abs(value[i]) + f * terms[i] + subnormal;
      double share = Math.abs(value[i] - actual[i]) / bound;
      if (!(share <= worst)) {
        worst = share;
        at = i;
        if (Double.isNaN(share)) {
          break;
        }
      }
    }
    return worst <= 1
        ? null
        : "element "
            + at
            + " is "
            + actual[at]
            + ", expected "
            + value[at]
            + ": "
            + worst
            + " times the tolerance";
  }
}
