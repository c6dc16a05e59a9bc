package io.github.morseengine.engine.graph.contrib;

import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Value;

/** alpha * A' B', where a dash is a transposition that attributes ask for. */
final class FusedMatMul {

  private FusedMatMul() {}

  static void expand(Expansion e) {
    Value a = turned(e, e.in(0), "transBatchA", "transA");
    Value b = turned(e, e.in(1), "transBatchB", "transB");
    float alpha = e.node().attributes().getFloat("alpha", 1);
    if (alpha == 1) {
      e.out(0, "MatMul", Attributes.NONE, a, b);
      return;
    }
    Value product = e.add("MatMul", Attributes.NONE, a, b);
    e.out(0, "Mul", Attributes.NONE, product, e.number(alpha, e.in(0).dtype()));
  }

  /** First the batch dimensions before the rows, then rows and columns exchanged. */
  private static Value turned(Expansion e, Value v, String batches, String columns) {
    int rank = v.rank();
    boolean batch = e.node().attributes().getInt(batches, 0) == 1;
    boolean exchange = e.node().attributes().getInt(columns, 0) == 1;
    if (rank < 2 || !batch && !exchange) {
      return v;
    }
    long[] perm = new long[rank];
    for (int d = 0; d < rank - 2; d++) {
      perm[d] = batch ? d + 1 : d;
    }
    long rows = batch ? 0 : rank - 2L;
    perm[rank - 2] = exchange ? rank - 1L : rows;
    perm[rank - 1] = exchange ? rows : rank - 1L;
    return e.transpose(v, perm);
  }
}
