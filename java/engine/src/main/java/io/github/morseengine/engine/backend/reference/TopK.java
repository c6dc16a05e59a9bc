package io.github.morseengine.engine.backend.reference;

import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Shapes;
import io.github.morseengine.engine.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.Comparator;
import java.util.stream.IntStream;

/**
 * TopK: the largest or smallest elements along an axis, and where they stand. Of equal ones the
 * first comes first. The order is always that of size: a node that does not ask for one leaves it
 * open.
 */
final class TopK {

  private TopK() {}

  static Tensor[] run(Node node, Tensor[] in) {
    Tensor x = in[0];
    int axis = Shapes.axis(node.attributes().getInt("axis", -1), x.rank());
    long[] shape = x.shape();
    long n = shape[axis];
    long k = in.length > 1 ? in[1].getLong(0) : node.attributes().getInt("k", 1);
    ReferenceOps.check(k >= 0 && k <= n, "k is " + k + " on an axis of " + n);
    shape[axis] = k;
    Tensor values = Tensor.allocate(x.dtype(), shape);
    Tensor indices = Tensor.allocate(DType.INT64, shape);
    Lines lines = Lines.of(x, axis);
    Lines found = Lines.of(values, axis);
    long inner = lines.step();
    boolean largest = node.attributes().getInt("largest", 1) == 1;
    int bytes = x.dtype().bytes();
    for (long line = 0; line < lines.count(); line++) {
      long from = lines.begin(line);
      long to = found.begin(line);
      Comparator<Integer> up =
          x.dtype().isFloat()
              ? Comparator.comparingDouble(i -> x.getDouble(from + i * inner))
              : x.dtype() == DType.UINT64
                  ? (i, j) ->
                      Long.compareUnsigned(x.getLong(from + i * inner), x.getLong(from + j * inner))
                  : Comparator.comparingLong(i -> x.getLong(from + i * inner));
      // The sort is stable: equal elements stay in their order either way.
      int[] best =
          IntStream.range(0, Math.toIntExact(n))
              .boxed()
              .sorted(largest ? up.reversed() : up)
              .limit(k)
              .mapToInt(Integer::intValue)
              .toArray();
      for (int j = 0; j < best.length; j++) {
        long at = to + j * inner;
        MemorySegment.copy(
            x.data(), (from + best[j] * inner) * bytes, values.data(), at * bytes, bytes);
        indices.setLong(at, best[j]);
      }
    }
    return new Tensor[] {values, indices};
  }
}
