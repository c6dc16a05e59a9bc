package io.github.morseengine.engine.graph.infer;

import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.ir.Dim;
import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.tensor.Shapes;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Gives graph inputs the shapes that the caller wants and checks them against the declared ones.
 */
final class InputBinder {

  private InputBinder() {}

  static void bind(Graph graph, Map<String, long[]> shapes) {
    Set<String> known = new HashSet<>();
    List<String> names = new ArrayList<>();
    for (Graph.Input in : graph.inputs()) {
      known.add(in.value().name());
      names.add(in.value().name());
    }
    for (String name : shapes.keySet()) {
      if (!known.contains(name)) {
        throw new InvalidInputException(
            graph.name() + ": no input '" + name + "'; the model has " + names);
      }
    }
    Map<String, Long> symbols = new HashMap<>();
    for (Graph.Input in : graph.inputs()) {
      String name = in.value().name();
      long[] shape = shapes.get(name);
      if (shape == null) {
        shape = declared(graph, in, symbols);
      } else {
        check(graph, in, shape, symbols);
      }
      Shapes.elements(shape);
      in.value().setType(in.value().dtype(), shape);
    }
  }

  private static long[] declared(Graph graph, Graph.Input in, Map<String, Long> symbols) {
    long[] shape = in.dims() == null ? null : new long[in.dims().size()];
    for (int d = 0; shape != null && d < shape.length; d++) {
      Dim dim = in.dims().get(d);
      Long bound = dim.isFixed() ? Long.valueOf(dim.size()) : symbols.get(dim.symbol());
      if (bound == null) {
        shape = null;
      } else {
        shape[d] = bound;
      }
    }
    if (shape == null) {
      throw new InvalidInputException(
          graph.name()
              + ": input '"
              + in.value().name()
              + "' has open dimensions "
              + in.dims()
              + ": give its shape");
    }
    return shape;
  }

  private static void check(Graph graph, Graph.Input in, long[] shape, Map<String, Long> symbols) {
    List<Dim> dims = in.dims();
    if (dims == null) {
      return;
    }
    String what =
        graph.name()
            + ": input '"
            + in.value().name()
            + "' is declared as "
            + dims
            + ", got shape "
            + Arrays.toString(shape);
    if (dims.size() != shape.length) {
      throw new InvalidInputException(what);
    }
    for (int d = 0; d < shape.length; d++) {
      Dim dim = dims.get(d);
      if (dim.isFixed() && dim.size() != shape[d]) {
        throw new InvalidInputException(what);
      }
      // Expressions such as 4*((s30 - 1)//4) + 4 are hints of the exporter; only names bind.
      if (!dim.isFixed() && isName(dim.symbol())) {
        Long bound = symbols.putIfAbsent(dim.symbol(), shape[d]);
        if (bound != null && bound != shape[d]) {
          throw new InvalidInputException(
              what + ": dimension '" + dim.symbol() + "' is " + bound + " elsewhere");
        }
      }
    }
  }

  private static boolean isName(String symbol) {
    if (symbol == null || symbol.isEmpty() || !Character.isJavaIdentifierStart(symbol.charAt(0))) {
      return false;
    }
    for (int i = 1; i < symbol.length(); i++) {
      if (!Character.isJavaIdentifierPart(symbol.charAt(i))) {
        return false;
      }
    }
    return true;
  }
}
