package io.github.morseengine.engine.backend.cuda;

import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.ir.FusedOps;
import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.tensor.Shapes;
import java.util.Arrays;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Set;

/**
 * Joins without copies: memory for a concatenation is laid out before its parts are computed, and
 * whoever computes a part writes it to its place.
 */
final class ConcatPlaces {

  private static final Set<String> WRITERS =
      Set.of(
          "Conv",
          "ConvTranspose",
          "Resize",
          "AveragePool",
          "MaxPool",
          "GlobalAveragePool",
          "GlobalMaxPool");

  private static final int VECTOR_BYTES = 16;

  private final CudaProgram program;
  private final Islands islands;
  private final Set<Value> taken = Collections.newSetFromMap(new IdentityHashMap<>());

  private ConcatPlaces(CudaProgram program, Islands islands) {
    this.program = program;
    this.islands = islands;
  }

  /** Reserves places for all parts that can have one. */
  static void reserve(Graph graph, CudaProgram program, Islands islands) {
    ConcatPlaces places = new ConcatPlaces(program, islands);
    for (Node n : graph.nodes()) {
      if (n.is("Concat")) {
        places.concat(n);
      }
    }
  }

  private void concat(Node n) {
    Value out = n.output(0);
    long[] shape = out.shape();
    int rank = shape.length;
    int axis = Shapes.axis(n.attributes().getInt("axis", 0), rank);
    boolean image = rank == 4 && axis == 1;
    boolean rows = rank >= 2 && rank <= 3 && axis == rank - 1 && program.isNarrow(out);
    if (!ElementTypes.computes(out.dtype()) || out.elements() == 0 || !image && !rows) {
      return;
    }
    long vector = VECTOR_BYTES / program.type.bytes();
    if (image && shape[1] % vector != 0) {
      // Parts would start between vectors, and be read slowly by everybody else.
      return;
    }
    View whole = null;
    long[] start = new long[rank];
    long[] step = new long[rank];
    Arrays.fill(step, 1);
    for (Value part : n.inputs()) {
      boolean fits = !image || start[1] % vector == 0;
      if (fits && writes(part) && !taken.contains(part) && once(n, part)) {
        if (whole == null) {
          long[] strides = image ? View.channelsLast(shape) : Shapes.strides(shape);
          whole = program.allocate(program.type, shape, strides);
          program.plan(out, whole);
        }
        taken.add(part);
        program.reserve(part, whole.slice(start, step, part.shape()));
      }
      start[axis] += part.shape()[axis];
    }
  }

  private static boolean once(Node n, Value part) {
    return n.inputs().stream().filter(v -> v == part).count() == 1;
  }

  /** Whether the step that computes a value can write rows of any distance. */
  private boolean writes(Value v) {
    Node p = v.producer();
    if (v.isConstant() || p == null || v.elements() == 0) {
      return false;
    }
    if (islands.endingIn(p) != null) {
      return true;
    }
    return p.isFused(FusedOps.CONV)
        || p.isFused(FusedOps.GROUP_NORM)
        || p.isFused(FusedOps.LINEAR)
        || p.domain().isEmpty() && WRITERS.contains(p.opType());
  }
}
