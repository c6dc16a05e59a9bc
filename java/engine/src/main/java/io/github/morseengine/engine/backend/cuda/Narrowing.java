package io.github.morseengine.engine.backend.cuda;

import io.github.morseengine.engine.ir.FusedOps;
import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Values that are read in the type of activations only, such as the sines of a time embedding,
 * which nothing but a linear layer sees: whoever computes them in float32 may round them at once,
 * and no conversion follows.
 */
final class Narrowing {

  private static final Set<String> FIRST_TWO = Set.of("MatMul", "Gemm", "Conv", "ConvTranspose");

  private static final Set<String> FIRST =
      Set.of("Resize", "AveragePool", "MaxPool", "GlobalAveragePool", "GlobalMaxPool");

  private static final Set<String> MOVES =
      Set.of(
          "Identity",
          "Reshape",
          "Flatten",
          "Squeeze",
          "Unsqueeze",
          "Transpose",
          "Expand",
          "Slice",
          "Split",
          "Concat");

  private final Set<Value> narrow = Collections.newSetFromMap(new IdentityHashMap<>());

  /** Looks at a whole graph. */
  Narrowing(Graph graph) {
    Map<Value, List<Node>> consumers = graph.consumers();
    Set<Value> outputs = Collections.newSetFromMap(new IdentityHashMap<>());
    outputs.addAll(graph.outputs());
    for (int i = graph.nodes().size() - 1; i >= 0; i--) {
      for (Value v : graph.nodes().get(i).outputs()) {
        List<Node> readers = v == null ? null : consumers.get(v);
        if (readers != null
            && v.dtype().isFloat()
            && !outputs.contains(v)
            && readers.stream().allMatch(n -> reads(n, v))) {
          narrow.add(v);
        }
      }
    }
  }

  private boolean reads(Node n, Value v) {
    if (n.domain().equals(FusedOps.DOMAIN)) {
      return switch (n.opType()) {
        // The bias is float32.
        case FusedOps.CONV, FusedOps.LINEAR -> n.input(2) != v;
        case FusedOps.GROUP_NORM -> n.input(1) != v && n.input(2) != v;
        case FusedOps.ATTENTION, FusedOps.GEGLU -> true;
        default -> false;
      };
    }
    if (MOVES.contains(n.opType())) {
      return n.outputs().stream().allMatch(o -> o == null || narrow.contains(o));
    }
    return FIRST_TWO.contains(n.opType()) && n.input(2) != v
        || FIRST.contains(n.opType()) && n.input(0) == v;
  }

  /** Whether a value may be kept in the type of activations. */
  boolean contains(Value v) {
    return narrow.contains(v);
  }
}
