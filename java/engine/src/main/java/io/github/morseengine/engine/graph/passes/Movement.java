package io.github.morseengine.engine.graph.passes;

import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.ShapeRules;
import io.github.morseengine.engine.ir.Value;
import java.util.ArrayList;
import java.util.List;

/**
 * What a chain of reshapes and transposes does, as a permutation of factors of the source's
 * dimensions. Two chains with the same factors in the same order are equal.
 */
final class Movement {

  /** A factor of a dimension; identity counts. */
  private static final class Factor {
    private final long size;

    Factor(long size) {
      this.size = size;
    }
  }

  private final long[] source;
  private final List<Factor> before = new ArrayList<>();
  private final List<Factor> after = new ArrayList<>();
  private long[] shape;

  private Movement(long[] source) {
    this.source = source;
    this.shape = source;
    for (long d : source) {
      if (d != 1) {
        Factor f = new Factor(d);
        before.add(f);
        after.add(f);
      }
    }
  }

  /**
   * Whether a node only renames or permutes dimensions, as {@link ViewChains} leaves such nodes.
   */
  static boolean isMovement(Node node) {
    return node != null && (node.is("Reshape") || node.is("Transpose"));
  }

  /** What nodes do one after the other; null where dimensions do not factor. */
  static Movement of(Value source, List<Node> chain) {
    if (source.elements() == 0) {
      return null;
    }
    Movement m = new Movement(source.shape());
    for (Node node : chain) {
      long[] to = node.output(0).shape();
      if (node.is("Transpose")) {
        m.permute(ShapeRules.permutation(node, to.length), to);
      } else if (!m.refine(to)) {
        return null;
      }
      m.shape = to;
    }
    return m;
  }

  private void permute(int[] perm, long[] to) {
    List<List<Factor>> parts = split(after, shape);
    after.clear();
    for (int p : perm) {
      after.addAll(parts.get(p));
    }
    shape = to;
  }

  /** Splits factors so that no dimension of the new shape cuts one. */
  private boolean refine(long[] to) {
    int at = 0;
    for (long d : to) {
      long rest = d;
      while (rest > 1) {
        Factor f = after.get(at);
        if (rest % f.size == 0) {
          rest /= f.size;
        } else if (f.size % rest == 0) {
          Factor head = new Factor(rest);
          Factor tail = new Factor(f.size / rest);
          swap(after, f, head, tail);
          swap(before, f, head, tail);
          rest = 1;
        } else {
          return false;
        }
        at++;
      }
    }
    return true;
  }

  private static void swap(List<Factor> list, Factor old, Factor head, Factor tail) {
    int i = list.indexOf(old);
    list.set(i, head);
    list.add(i + 1, tail);
  }

  private static List<List<Factor>> split(List<Factor> factors, long[] shape) {
    List<List<Factor>> parts = new ArrayList<>();
    int at = 0;
    for (long d : shape) {
      List<Factor> part = new ArrayList<>();
      for (long size = 1; size < d; size *= part.getLast().size) {
        part.add(factors.get(at++));
      }
      parts.add(part);
    }
    return parts;
  }

  /** The order of elements does not change: the chain is at most one Reshape. */
  boolean isReshape() {
    return before.equals(after);
  }

  /**
   * One Transpose of the source's own dimensions whose result, perhaps reshaped, is the chain's.
   *
   * @return the permutation, or null where a dimension of the source would be cut
   */
  int[] ofSource() {
    return permutation(split(before, source), after, shape);
  }

  /**
   * One Transpose that gives the chain's own result from a reshaped source.
   *
   * @return the permutation, or null where a dimension of the result is not of one piece
   */
  int[] ofResult() {
    int[] inverse = permutation(split(after, shape), before, source);
    if (inverse == null) {
      return null;
    }
    int[] perm = new int[inverse.length];
    for (int i = 0; i < perm.length; i++) {
      perm[inverse[i]] = i;
    }
    return perm;
  }

  /**
   * Orders whole dimensions as the factors are ordered.
   *
   * @param dims factors of each dimension
   * @param order factors in the wanted order
   * @param wish a shape to meet by the place of dimensions of size one, where possible
   */
  private static int[] permutation(List<List<Factor>> dims, List<Factor> order, long[] wish) {
    List<Integer> ones = new ArrayList<>();
    for (int i = 0; i < dims.size(); i++) {
      if (dims.get(i).isEmpty()) {
        ones.add(i);
      }
    }
    List<Integer> perm = new ArrayList<>();
    int at = 0;
    for (int w = 0; at < order.size(); w++) {
      if (w < wish.length && wish[w] == 1 && !ones.isEmpty()) {
        perm.add(ones.removeFirst());
        continue;
      }
      int next = -1;
      for (int i = 0; i < dims.size(); i++) {
        if (!dims.get(i).isEmpty() && dims.get(i).getFirst() == order.get(at)) {
          next = i;
        }
      }
      if (next < 0) {
        return null;
      }
      for (Factor f : dims.get(next)) {
        if (at == order.size() || order.get(at++) != f) {
          return null;
        }
      }
      perm.add(next);
    }
    perm.addAll(ones);
    return perm.stream().mapToInt(Integer::intValue).toArray();
  }
}
