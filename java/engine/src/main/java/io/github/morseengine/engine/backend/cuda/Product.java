package io.github.morseengine.engine.backend.cuda;

import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.tensor.DType;
import java.util.ArrayList;
import java.util.List;

/**
 * {@code C = act(alpha * A B + bias + R)} for batches of matrices: what a matrix product of any
 * kind comes down to, before a kernel is chosen. Strides are in elements.
 *
 * @param m rows of A and C
 * @param n columns of B and C
 * @param k columns of A, rows of B
 * @param a first factor
 * @param b second factor
 * @param bias one number per column; null for none
 * @param residual in the layout of C; null for none
 * @param c result; its rows are contiguous
 * @param batches how the batches move
 * @param activation code of the kernels: 0 none, 1 SiLU, 2 GELU (erf), 3 GELU (tanh)
 * @param alpha factor of the product
 */
record Product(
    long m,
    long n,
    long k,
    Factor a,
    Factor b,
    Value bias,
    Factor residual,
    Factor c,
    Batches batches,
    int activation,
    double alpha) {

  /**
   * A matrix.
   *
   * @param view its memory, batch 0 first
   * @param row distance between rows
   * @param column distance between columns
   */
  record Factor(View view, long row, long column) {}

  /**
   * Batches in two levels.
   *
   * @param outer number of outer batches
   * @param inner number of inner batches
   * @param strides outer and inner stride of A, of B, of the residual, of C
   */
  record Batches(long outer, long inner, long[] strides) {

    static final Batches ONE = new Batches(1, 1, new long[8]);

    long count() {
      return outer * inner;
    }
  }

  DType type() {
    return c.view.dtype();
  }

  /** The views that a kernel reads and writes beside the bias. */
  List<View> views() {
    List<View> out = new ArrayList<>(List.of(a.view, b.view));
    if (residual != null) {
      out.add(residual.view);
    }
    out.add(c.view);
    return out;
  }

  /** Bytes that all matrices start at a multiple of: a power of two up to 16. */
  int alignment() {
    long bytes = type().bytes();
    long all = 16;
    for (View v : views()) {
      all |= v.offset() * bytes;
    }
    for (long s : batches.strides) {
      all |= s * bytes;
    }
    return (int) Long.lowestOneBit(all);
  }

  /** Name of an activation's code in names of kernels. */
  static String suffix(int activation) {
    return switch (activation) {
      case 1 -> "_silu";
      case 2 -> "_gelu";
      case 3 -> "_gelu_tanh";
      default -> "";
    };
  }

  /** The code of an activation. */
  static int activation(String name) {
    return switch (name) {
      case "none" -> 0;
      case "silu" -> 1;
      case "gelu" -> 2;
      case "gelu_tanh" -> 3;
      default -> throw new IllegalArgumentException("activation " + name + " is unknown");
    };
  }
}
