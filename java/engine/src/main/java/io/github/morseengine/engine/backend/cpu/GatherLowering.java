package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/** Rows of a table by index: label embeddings, and tables over the timestep. */
final class GatherLowering {

  private GatherLowering() {}

  /** Gather along the first axis by int64 indices; false for every other form. */
  static boolean lower(Program p, Node node) {
    View indices = p.dense(p.get(node.input(1)));
    View table = p.dense(p.get(node.input(0)));
    long axis = node.attributes().getInt("axis", 0);
    if (axis != 0 || indices.dtype() != DType.INT64 || table.rank() == 0 || table.shape()[0] == 0) {
      return false;
    }
    View y = p.allocateDense(table.dtype(), node.output(0).shape());
    String name = node.name();
    p.add(
        new JavaStep("gather", List.of(table, indices, y), b -> bind(b, name, table, indices, y)));
    p.put(node.output(0), y);
    return true;
  }

  private static Step.Bound bind(Binding b, String name, View table, View indices, View y) {
    MemorySegment from = b.of(table);
    MemorySegment at = b.of(indices);
    MemorySegment to = b.of(y);
    long rows = table.shape()[0];
    long row = table.elements() / rows * table.dtype().bytes();
    long count = indices.elements();
    return () -> {
      for (long i = 0; i < count; i++) {
        long index = at.getAtIndex(ValueLayout.JAVA_LONG, i);
        long k = index < 0 ? index + rows : index;
        if (k < 0 || k >= rows) {
          throw new InvalidInputException(
              "node '" + name + "': index " + index + " is not in the table of " + rows + " rows");
        }
        MemorySegment.copy(from, k * row, to, i * row, row);
      }
    };
  }
}
