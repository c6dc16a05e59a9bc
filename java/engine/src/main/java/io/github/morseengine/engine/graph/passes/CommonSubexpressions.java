package io.github.morseengine.engine.graph.passes;

import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.tensor.Tensor;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.Map;
import java.util.TreeSet;

/** Computes equal expressions once, such as the SiLU of the time embedding in every block. */
final class CommonSubexpressions implements Pass {

  private static final int SMALL = 64;

  @Override
  public boolean apply(Graph graph) {
    Map<Value, Integer> ids = new IdentityHashMap<>();
    Map<String, Value> known = new HashMap<>();
    return Rewriter.sweep(
        graph,
        (r, n) -> {
          // A norm that two scales follow is cheaper twice, each in one pass with what follows it.
          boolean apart = n.opType().startsWith("Random") || n.is("InstanceNormalization");
          if (n.outputs().size() != 1 || apart) {
            return;
          }
          String key = key(n, ids);
          Value first = known.putIfAbsent(key, n.output(0));
          if (first != null) {
            r.substitute(n, first);
          }
        });
  }

  private static String key(Node n, Map<Value, Integer> ids) {
    if (n.is("Reshape")) {
      return "Reshape|" + name(n.input(0), ids) + Arrays.toString(n.output(0).shape());
    }
    StringBuilder key = new StringBuilder(n.domain()).append(':').append(n.opType());
    for (Value v : n.inputs()) {
      key.append('|').append(v == null ? "" : name(v, ids));
    }
    Attributes a = n.attributes();
    for (String name : new TreeSet<>(a.names())) {
      key.append(';').append(name).append('=').append(text(a.get(name)));
    }
    return key.toString();
  }

  /** Small constants are known by what they hold, all other values by who they are. */
  private static String name(Value v, Map<Value, Integer> ids) {
    if (v.isConstant() && v.elements() <= SMALL) {
      Tensor t = v.constant().materialize(Arena.ofAuto());
      StringBuilder out = new StringBuilder(t.toString());
      for (long i = 0; i < t.elements(); i++) {
        out.append(',').append(t.dtype().isFloat() ? t.getDouble(i) : (Object) t.getLong(i));
      }
      return out.toString();
    }
    return "#" + ids.computeIfAbsent(v, k -> ids.size());
  }

  private static String text(Object value) {
    return switch (value) {
      case long[] a -> Arrays.toString(a);
      case float[] a -> Arrays.toString(a);
      case String[] a -> Arrays.toString(a);
      case Tensor t -> "@" + System.identityHashCode(t);
      default -> value.toString();
    };
  }
}
