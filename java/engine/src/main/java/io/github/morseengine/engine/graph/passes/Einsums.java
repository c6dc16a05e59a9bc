package io.github.morseengine.engine.graph.passes;

import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.EinsumSpec;
import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import java.util.ArrayList;
import java.util.List;

/**
 * Einsum in terms of other operators, so that what is known of these is done: of one operand that
 * only changes the order of dimensions a Transpose (transformers of images end so, when patches
 * become pixels again), of two operands a MatMul (attention and layers are written so).
 *
 * <p>Of two operands, labels of both and the result are batches, those of both that are summed are
 * the inner dimension, and the others are rows and columns.
 */
final class Einsums implements Pass {

  /** More batch dimensions than this are seen as one. */
  private static final int MOST_BATCHES = 2;

  @Override
  public boolean apply(Graph graph) {
    return Rewriter.sweep(
        graph,
        (r, n) -> {
          if (n.is("Einsum") && n.output(0).elements() > 0) {
            rewrite(r, n);
          }
        });
  }

  private static void rewrite(Rewriter r, Node n) {
    int operands = n.inputs().size();
    long[][] shapes = new long[operands][];
    for (int i = 0; i < operands; i++) {
      shapes[i] = n.input(i).shape();
    }
    EinsumSpec spec = EinsumSpec.parse(n.attributes().getString("equation", ""), shapes);
    for (int i = 0; i < operands; i++) {
      if (!plain(spec, i, shapes[i])) {
        return;
      }
    }
    List<String> out = spec.output();
    if (operands == 1 && out.size() == shapes[0].length) {
      r.transposeTo(n, n.input(0), permutation(spec.labels(0), out));
    } else if (operands == 2 && Match.isReal(n.output(0))) {
      product(r, n, spec);
    }
  }

  /** Whether no label stands twice in an operand or is repeated to another one's size. */
  private static boolean plain(EinsumSpec spec, int operand, long[] shape) {
    List<String> labels = spec.labels(operand);
    for (int d = 0; d < shape.length; d++) {
      String label = labels.get(d);
      if (labels.indexOf(label) != d || spec.size(label) != shape[d]) {
        return false;
      }
    }
    return true;
  }

  private static int[] permutation(List<String> from, List<String> to) {
    return to.stream().mapToInt(from::indexOf).toArray();
  }

  private static void product(Rewriter r, Node n, EinsumSpec spec) {
    List<String> out = spec.output();
    // The operand whose own labels come first makes the rows.
    List<String> first = spec.labels(0);
    List<String> second = spec.labels(1);
    int left =
        out.stream().filter(l -> first.contains(l) != second.contains(l)).findFirst().stream()
                .anyMatch(second::contains)
            ? 1
            : 0;
    List<String> a = spec.labels(left);
    List<String> b = spec.labels(1 - left);
    List<String> batch = out.stream().filter(l -> a.contains(l) && b.contains(l)).toList();
    List<String> rows = out.stream().filter(l -> a.contains(l) && !b.contains(l)).toList();
    List<String> columns = out.stream().filter(l -> b.contains(l) && !a.contains(l)).toList();
    List<String> summed = a.stream().filter(l -> !out.contains(l)).toList();
    boolean both =
        b.containsAll(summed) && b.size() == batch.size() + columns.size() + summed.size();
    if (!both || spec.elements(summed) == 0) {
      return;
    }
    List<Long> sizes = new ArrayList<>(batch.stream().map(spec::size).toList());
    if (sizes.size() > MOST_BATCHES) {
      sizes = new ArrayList<>(List.of(spec.elements(batch)));
    }
    Value x = matrix(r, spec, n.input(left), a, sizes, batch, rows, summed);
    Value y = matrix(r, spec, n.input(1 - left), b, sizes, batch, summed, columns);
    long[] shape = shape(sizes, spec.elements(rows), spec.elements(columns));
    Value product = r.emit(n.name(), "", "MatMul", Attributes.NONE, shape, x, y);
    List<String> order = joined(batch, rows, columns);
    Value whole = r.reshape(product, order.stream().mapToLong(spec::size).toArray());
    if (order.equals(out)) {
      r.substitute(n, whole);
    } else {
      r.transposeTo(n, whole, permutation(order, out));
    }
  }

  /** An operand as [batches.., before, behind]. */
  private static Value matrix(
      Rewriter r,
      EinsumSpec spec,
      Value v,
      List<String> labels,
      List<Long> sizes,
      List<String> batch,
      List<String> before,
      List<String> behind) {
    List<String> order = joined(batch, before, behind);
    Value moved = order.equals(labels) ? v : r.transpose(v, permutation(labels, order));
    return r.reshape(moved, shape(sizes, spec.elements(before), spec.elements(behind)));
  }

  private static long[] shape(List<Long> sizes, long rows, long columns) {
    List<Long> all = new ArrayList<>(sizes);
    all.add(rows);
    all.add(columns);
    return all.stream().mapToLong(Long::longValue).toArray();
  }

  @SafeVarargs
  private static List<String> joined(List<String>... parts) {
    List<String> all = new ArrayList<>();
    for (List<String> part : parts) {
      all.addAll(part);
    }
    return all;
  }
}
